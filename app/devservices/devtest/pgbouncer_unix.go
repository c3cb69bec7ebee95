//go:build unix

package devtest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// PgBouncerPool is how many connections to PostgreSQL a PgBouncer of a test has:
// fewer than any test's clients.
const PgBouncerPool = 2

// PgBouncer starts a PgBouncer in transaction mode before the database, and
// returns the URL that leads through it. It ends with the test.
func PgBouncer(t testing.TB, direct string) string {
	t.Helper()
	binary := findPgBouncer(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()

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
`, query.Get("host"), query.Get("port"), u.User.Username(), PgBouncerPool, dir)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command(binary, "-q", config)
	if os.Geteuid() == 0 { // as whom PgBouncer refuses to run
		info, err := os.Stat(query.Get("host")) // whose owner may use PostgreSQL's socket
		if err != nil {
			t.Fatal(err)
		}
		who := info.Sys().(*syscall.Stat_t)
		if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: who.Uid, Gid: who.Gid}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // not with t.Context: what goes through it may have to be cleaned up first
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})

	query.Set("host", dir)
	query.Set("port", "6432")
	u.RawQuery = query.Encode()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("unix", filepath.Join(dir, ".s.PGSQL.6432")); err == nil {
			_ = c.Close()
			return u.String()
		}
		if time.Now().After(deadline) {
			t.Fatal("PgBouncer does not listen")
		}
	}
}

func findPgBouncer(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} { // Debian's users lack sbin
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("there is no pgbouncer, and CI must not leave these tests out")
	}
	t.Skip("NOT TESTED: there is no pgbouncer; make test installs it")
	return ""
}
