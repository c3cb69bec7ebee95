//go:build unix

package devtest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"example.com/prefab/app/devservices"
)

// Replica starts a PostgreSQL that follows the primary, which is an
// [OwnPostgres], by streaming replication. It ends with the test.
func Replica(t testing.TB, primary *Server) *Server {
	t.Helper()
	s := own(t, devservices.Options{NeedPostgres: true})
	s.URL = s.running.DatabaseURL
	data, err := ask(t.Context(), s.URL, "SHOW data_directory")
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if err := follow(t.Context(), primary.URL, data); err != nil {
		t.Fatalf("copy the primary: %v", err)
	}
	s.Start()
	return s
}

// follow makes the data of a stopped server those of one that follows the primary.
func follow(ctx context.Context, primary, data string) error {
	info, err := os.Stat(data)
	if err != nil {
		return err
	}
	tools, err := ask(ctx, primary, "SELECT setting FROM pg_config() WHERE name = 'BINDIR'")
	if err != nil {
		return err
	}
	u, err := url.Parse(primary)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(tools, "pg_basebackup"),
		"--pgdata="+data, "--host="+u.Query().Get("host"), "--port="+u.Query().Get("port"), "--username="+u.User.Username(),
		"--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	cmd.Dir = filepath.Dir(data)
	if os.Geteuid() == 0 { // as whom PostgreSQL does not run
		who := info.Sys().(*syscall.Stat_t)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: who.Uid, Gid: who.Gid}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	return nil
}

func ask(ctx context.Context, url, query string) (answer string, err error) {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	err = db.QueryRowContext(ctx, query).Scan(&answer)
	return answer, err
}
