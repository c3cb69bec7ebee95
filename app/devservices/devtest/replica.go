package devtest

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/prefab/app/devservices"
)

// Replica starts a PostgreSQL that follows the primary, which is an
// [OwnPostgres], by streaming replication. It ends with the test.
func Replica(t testing.TB, primary *Server) *Server {
	t.Helper()
	s := own(t, devservices.Options{NeedPostgres: true})
	s.Stop()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Dir(u.Query().Get("host")) // where devservices keeps data and sockets
	data := filepath.Join(home, "postgres")
	started, err := os.ReadFile(filepath.Join(data, "postmaster.opts")) // the server's command line
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	server, _, _ := strings.Cut(string(started), " ")
	cmd := exec.Command(filepath.Join(filepath.Dir(server), "pg_basebackup"), "--pgdata="+data, "--dbname="+primary.URL,
		"--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	cmd.Dir, cmd.SysProcAttr = home, asOwner(t, home)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("copy the primary: %v: %s", err, out)
	}
	s.Start()
	return s
}
