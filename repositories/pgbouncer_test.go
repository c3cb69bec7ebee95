package repositories_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/migrations"
	"example.com/prefab/repositories/querylog"
)

const poolSize = 2 // of server connections, fewer than any test's clients

// pgbouncer starts a PgBouncer in transaction mode before the database, and
// returns the URL that leads through it. It ends with the test.
func pgbouncer(t *testing.T, direct string) string {
	t.Helper()
	binary := findPgBouncer(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	who := owner(t, query.Get("host"))

	// Not t.TempDir: a socket's path may have 107 bytes only.
	dir, err := os.MkdirTemp("/tmp", "prefab-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	config := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
* = host=%s port=%s user=%s
[pgbouncer]
pool_mode = transaction
default_pool_size = %d
auth_type = any
listen_addr =
listen_port = 6432
unix_socket_dir = %s
unix_socket_mode = 0777
ignore_startup_parameters = extra_float_digits
`, query.Get("host"), query.Get("port"), u.User.Username(), poolSize, dir)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}

	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, config)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // 1.18: at once, 1.23: the same
	cmd.WaitDelay = 5 * time.Second
	cmd.Stdout, cmd.Stderr = &log, &log
	if os.Geteuid() == 0 { // as whom PgBouncer refuses to run
		if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: who.Uid, Gid: who.Gid}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { <-ended }) // t.Context has ended by then

	await(t, filepath.Join(dir, ".s.PGSQL.6432"), ended, &log)
	query.Set("host", dir)
	query.Set("port", "6432")
	u.RawQuery = query.Encode()
	return u.String()
}

// await returns once somebody listens at the socket.
func await(t *testing.T, socket string, ended <-chan struct{}, log *bytes.Buffer) {
	t.Helper()
	for {
		c, err := net.Dial("unix", socket)
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("PgBouncer ended at once:\n%s", log)
		default:
			runtime.Gosched()
		}
	}
}

func findPgBouncer(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} { // Debian's users lack sbin
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("there is no pgbouncer, and CI must not leave these tests out")
	}
	t.Skip("there is no pgbouncer: install it to run the stores behind one")
	return ""
}

// owner is the user who may use PostgreSQL's socket.
func owner(t *testing.T, folder string) *syscall.Stat_t {
	t.Helper()
	info, err := os.Stat(folder)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t)
}

func TestMigrationsUp_BehindPgBouncerSeveralApplyOnce(t *testing.T) {
	through := pgbouncer(t, devtest.EmptyDatabase(t))
	errs := atOnce(6, func(int) error {
		db, err := sql.Open("postgres", through+"&binary_parameters=yes")
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		return migrations.Up(t.Context(), db)
	})
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	db := open(t, through, false)
	if n := get[int](t, db, "SELECT count(*) FROM goose_db_version WHERE version_id = 1"); n != 1 {
		t.Errorf("the first migration was applied %d times", n)
	}
}

// logLines gets each line that is logged.
type logLines chan string

func (l logLines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestExplainer_BehindPgBouncerPlansAndLeavesNothing(t *testing.T) {
	direct := devtest.Database(t)
	lines := make(logLines, 16)
	explainer := querylog.NewExplainer(slog.New(slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: slog.LevelDebug})))
	db := open(t, pgbouncer(t, direct), false)
	explainer.Use(db.DB)
	defer explainer.Close()
	explainer.Explain(t.Context(), querylog.Event{Name: "a", Query: "SELECT name FROM products WHERE id = $1"})
	if line := <-lines; !strings.Contains(line, "slow query plan") || !strings.Contains(line, "id = $1") {
		t.Errorf("logged: %s", line)
	}
	for range 2 * poolSize { // whichever of the server's connections is given
		if n := get[int](t, db, "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'prefab%'"); n != 0 {
			t.Errorf("%d statements stay prepared", n)
		}
	}
}
