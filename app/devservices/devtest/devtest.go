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
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/prefab/app/devservices"
	"example.com/prefab/app/devservices/internal/filelock"
)

// parent is /tmp, not os.TempDir: a longer path would not hold a socket.
const (
	parent     = "/tmp"
	namePrefix = "prefab-test-"
)

// shared is the one state of this package: a test binary has one set of servers,
// and a test reaches them by no other way.
var shared harness

// harness is what one test binary runs.
type harness struct {
	mu   sync.Mutex
	dir  string
	lock *os.File
	pg   *postgres
	rd   *redis
	own  int // servers given to single tests

	migrations fs.FS // nil: none
}

// Main is the body of TestMain: it runs the tests, stops the servers, removes
// their folder and exits. The migrations, if any, are applied to each [Database].
func Main(m *testing.M, migrations ...fs.FS) { os.Exit(Run(m, migrations...)) }

// Run is Main without the exit, whose status it returns, for a TestMain that has
// something of its own to clean up.
func Run(m *testing.M, migrations ...fs.FS) int {
	forgetEnvironment()
	if len(migrations) > 0 {
		shared.migrations = migrations[0]
	}
	if err := shared.open(); err != nil {
		fmt.Fprintln(os.Stderr, "devtest:", err)
		return 1
	}
	code := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, "devtest:", err)
		code = max(code, 1)
	}
	return code
}

// forgetEnvironment unsets whatever could lead a test to the user's own servers:
// some PG* variables win over a connection URL.
func forgetEnvironment() {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch {
		case strings.HasPrefix(name, "PG"), name == "DATABASE_URL", name == "DATABASE_REPLICA_URL", name == "REDIS_URL":
			_ = os.Unsetenv(name)
		}
	}
}

// open makes the folder, and holds a lock in it that says somebody uses it.
func (h *harness) open() error {
	sweep()
	dir, err := os.MkdirTemp(parent, namePrefix)
	if err != nil {
		return err
	}
	// As root the servers run as another user, who has to pass through.
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	h.dir = dir
	h.lock, err = filelock.Try(filepath.Join(dir, "lock"))
	return err
}

func (h *harness) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	if h.pg != nil {
		errs = append(errs, h.pg.admin.Close(), h.pg.services.Stop(context.Background()))
	}
	if h.rd != nil {
		errs = append(errs, h.rd.services.Stop(context.Background()))
	}
	return errors.Join(append(errs, os.RemoveAll(h.dir))...)
}

// sweep removes what killed test binaries have left; their servers died with
// them. A young folder may be one whose maker has not come to lock it.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(parent, namePrefix+"*"))
	for _, dir := range dirs {
		path := filepath.Join(dir, "lock")
		if info, err := os.Stat(path); err != nil || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		if lock, err := filelock.Try(path); err == nil {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}
	}
}

// start runs servers in a folder of that name.
func (h *harness) start(ctx context.Context, name string, o devservices.Options) (*devservices.Services, error) {
	if h.dir == "" {
		return nil, errors.New("call devtest.Main from TestMain")
	}
	o.Dir, o.Database, o.Disposable = filepath.Join(h.dir, name), "prefab", true
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	return devservices.Start(ctx, o)
}
