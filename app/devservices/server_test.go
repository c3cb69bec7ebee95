//go:build unix

package devservices

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *safeBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.text.String(), text)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// lasting starts servers of the developer's own kind, which are started again.
func lasting(t *testing.T) (*Services, Options, *safeBuffer) {
	t.Helper()
	t.Parallel() // these tests wait more than they work
	log := new(safeBuffer)
	o := options(checkout(t))
	o.Disposable, o.Log = false, slog.New(slog.NewTextHandler(log, nil))
	return start(t, o), o, log
}

func TestServer_IsStartedAgainWithItsDataAndLoggedOnce(t *testing.T) {
	s, _, log := lasting(t)
	remember(t, s, "kept")
	const crashes = 3
	for range crashes { // in quick succession
		old := s.PIDs()
		for _, pid := range old {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "both have new processes", func() bool {
			now := s.PIDs()
			return now[0] != old[0] && now[1] != old[1]
		})
		recall(t, s, "kept")
	}
	if n := log.count("ended by itself: starting it again"); n != 2 {
		t.Errorf("%d ends are logged, want one for each server", n)
	}
	eventually(t, "the end of the episode is logged", func() bool { return log.count("serves again") == 2 })
}

func TestServer_IsNotStartedAgainDuringStop(t *testing.T) {
	s, _, log := lasting(t)
	for _, pid := range s.PIDs() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	stop(t, s)
	for _, pid := range s.PIDs() {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d is still there", pid)
		}
	}
	if log.count("could not be started again") > 0 {
		t.Error("the stop is logged as a failure")
	}
}

func TestServer_ThatCannotStartIsTriedAgainAndLoggedOnce(t *testing.T) {
	s, o, log := lasting(t)
	p, err := findLayout(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	remember(t, s, "kept")
	broken := p.path("postgres/postgresql.auto.conf")
	if err := os.WriteFile(broken, []byte("no_such_setting = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(s.PIDs()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is logged", func() bool { return log.count("no_such_setting") > 0 })
	eventually(t, "it is tried several times", func() bool {
		text, err := os.ReadFile(p.path("postgres.log"))
		return err == nil && bytes.Count(text, []byte("no_such_setting")) > 2
	})
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it answers", func() bool { return openDB(t, s.DatabaseURL).Ping() == nil })
	recall(t, s, "kept")
	if n := log.count("could not be started again"); n != 1 {
		t.Errorf("it is logged %d times", n)
	}
}

func TestServer_IsNotStartedInAFolderThatWasRemoved(t *testing.T) {
	s, o, log := lasting(t)
	p, err := findLayout(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the folder is removed", func() bool { return os.RemoveAll(p.dir) == nil }) // beside who writes to it
	for _, pid := range s.PIDs() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	eventually(t, "it is said", func() bool { return log.count("was removed while its server ran") == 2 })
	if _, err := os.Stat(p.dir); err == nil {
		t.Error("the folder was made again")
	}
}
