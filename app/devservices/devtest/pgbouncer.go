package devtest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
)

// PgBouncerPool is how many connections to PostgreSQL a PgBouncer of a test has:
// fewer than any test's clients.
const PgBouncerPool = 2

var pgBouncers atomic.Int64

// PgBouncer starts a PgBouncer in transaction mode before the database, and
// returns the URL that leads through it. It ends with all tests of the binary.
func PgBouncer(t testing.TB, direct string) string {
	t.Helper()
	program := findPgBouncer(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	dir, port := query.Get("host"), strconv.Itoa(6432+int(pgBouncers.Add(1)))
	config := filepath.Join(dir, "pgbouncer-"+port+".ini")
	text := fmt.Sprintf(`[databases]
* = host=%s port=%s user=%s
[pgbouncer]
pool_mode = transaction
default_pool_size = %d
auth_type = any
listen_addr =
listen_port = %s
unix_socket_dir = %[1]s
ignore_startup_parameters = extra_float_digits
`, dir, query.Get("port"), u.User.Username(), PgBouncerPool, port)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-q", config)
	cmd.SysProcAttr = asOwner(t, dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	AtEnd(func() { // not with the test: another one may share it, and what goes through it may have to be cleaned up first
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	Eventually(t, "PgBouncer listens", func() bool {
		c, err := net.Dial("unix", filepath.Join(dir, ".s.PGSQL."+port))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	query.Set("port", port)
	u.RawQuery = query.Encode()
	return u.String()
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
