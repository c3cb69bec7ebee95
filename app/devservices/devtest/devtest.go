// Package devtest gives tests real servers of their own: a PostgreSQL and a Redis
// per test binary, in a temporary folder, started on first use. It never touches
// a server that the user has.
//
//	func TestMain(m *testing.M) { devtest.Main(m, repositories.Migrations) }
//
//	func TestStore(t *testing.T) {
//		url := devtest.Database(t)
package devtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices"
)

// parent is /tmp, not os.TempDir: a longer path would not hold a socket.
const parent = "/tmp"

// shared is the one state of this package: a test binary has one set of servers,
// and a test reaches them by no other way.
var shared struct {
	dir        string
	migrations fs.FS // nil: none

	mu      sync.Mutex
	started []*devservices.Services // all that run, or have run
	ends    []func()
}

// AtEnd has end called when all tests are over, before the servers stop.
func AtEnd(end func()) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.ends = append(shared.ends, end)
}

// Main is the body of TestMain: it runs the tests, stops the servers, removes
// their folder and exits. The migrations, if any, are applied to each [Database].
func Main(m *testing.M, migrations ...fs.FS) { os.Exit(Run(m, migrations...)) }

// Run is Main without the exit, whose status it returns, for a TestMain that has
// something of its own to clean up.
func Run(m *testing.M, migrations ...fs.FS) int {
	// What could lead a test to the user's own servers. PG* is unset with the first PostgreSQL.
	for _, name := range []string{"DATABASE_URL", "DATABASE_REPLICA_URL", "REDIS_URL"} {
		_ = os.Unsetenv(name)
	}
	if len(migrations) > 0 {
		shared.migrations = migrations[0]
	}
	sweep()
	dir, err := os.MkdirTemp(parent, fmt.Sprintf("prefab-test-%d-", os.Getpid()))
	if err == nil {
		err = os.Chmod(dir, 0o711) // as root the servers run as another user, who has to pass through
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "devtest:", err)
		return 1
	}
	shared.dir = dir
	code := m.Run()
	for _, end := range shared.ends {
		end()
	}
	for _, services := range shared.started {
		services.Stop()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "devtest:", err)
		return max(code, 1)
	}
	return code
}

// sweep removes what killed test binaries have left; their servers died with them.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(parent, "prefab-test-*"))
	for _, dir := range dirs {
		var pid int
		_, err := fmt.Sscanf(filepath.Base(dir), "prefab-test-%d-", &pid)
		if err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			_ = os.RemoveAll(dir)
		}
	}
}

// start runs servers with data in a folder of that name.
func start(name string, o devservices.Options) (*devservices.Services, error) {
	if shared.dir == "" {
		return nil, errors.New("call devtest.Main from TestMain")
	}
	o.Dir, o.Disposable = filepath.Join(shared.dir, name), true
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	services, err := devservices.Start(context.Background(), o)
	if err == nil {
		shared.mu.Lock()
		defer shared.mu.Unlock()
		shared.started = append(shared.started, services)
	}
	return services, err
}

// Eventually polls for up to 15 seconds until ok holds, and ends the test if it never does.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}
