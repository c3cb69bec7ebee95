//go:build unix

package devtest

import (
	"bytes"
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
`, query.Get("host"), query.Get("port"), u.User.Username(), PgBouncerPool, dir)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}

	var log bytes.Buffer
	cmd := exec.Command(binary, config)
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
	t.Cleanup(func() { // not with t.Context: what goes through it may have to be cleaned up first
		_ = cmd.Process.Kill()
		<-ended
	})

	awaitSocket(t, filepath.Join(dir, ".s.PGSQL.6432"), ended, &log)
	query.Set("host", dir)
	query.Set("port", "6432")
	u.RawQuery = query.Encode()
	return u.String()
}

// awaitSocket returns once somebody listens at the socket.
func awaitSocket(t testing.TB, socket string, ended <-chan struct{}, log *bytes.Buffer) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		c, err := net.Dial("unix", socket)
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("PgBouncer ended at once:\n%s", log)
		default:
			time.Sleep(5 * time.Millisecond)
		}
	}
	t.Fatal("PgBouncer does not listen")
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
	t.Skip("there is no pgbouncer: install it to run the stores behind one")
	return ""
}

// owner is the user who may use PostgreSQL's socket.
func owner(t testing.TB, folder string) *syscall.Stat_t {
	t.Helper()
	info, err := os.Stat(folder)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t)
}
