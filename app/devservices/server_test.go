//go:build unix

package devservices

import (
	"errors"
	"log/slog"
	"os"
	"syscall"
	"testing"
)

// supervised starts a Redis of the developer's own kind, which is started again.
func supervised(t *testing.T) (*Services, layout, *safeBuffer) {
	t.Helper()
	t.Parallel() // these tests wait more than they work
	log := new(safeBuffer)
	o := options(t)
	o.Disposable, o.Log = false, slog.New(slog.NewTextHandler(log, nil))
	return start(t, o), mustFindLayout(t, o.Dir), log
}

func kill(t *testing.T, s *Services) (killed int) {
	t.Helper()
	killed = s.PIDs()[0]
	if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	return killed
}

func TestServer_IsStartedAgainWithItsData(t *testing.T) {
	s, _, log := supervised(t)
	remember(t, s, "kept")
	for range 2 { // in quick succession
		killed := kill(t, s)
		eventually(t, "it has a new process", func() bool { return s.PIDs()[0] != killed })
		recall(t, s, "kept")
	}
	if n := log.count("ended by itself: starting it again"); n != 2 {
		t.Errorf("%d ends are logged", n)
	}
}

func TestServer_IsNotStartedAgainDuringStop(t *testing.T) {
	s, p, log := supervised(t)
	kill(t, s)
	s.Stop()
	if !isFree(t, p.dir+"/..", "redis.pid") {
		t.Error("a server runs")
	}
	if log.count("could not be started again") > 0 {
		t.Error("the stop is logged as a failure")
	}
}

func TestServer_ThatCannotStartIsTriedAgain(t *testing.T) {
	s, p, logged := supervised(t)
	remember(t, s, "kept")
	log := p.path("redis.log")
	if err := errors.Join(os.Remove(log), os.Mkdir(log, 0o700)); err != nil { // which cannot be written to
		t.Fatal(err)
	}
	killed := kill(t, s)
	eventually(t, "it is tried several times", func() bool { return logged.count("could not be started again") > 1 })
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it answers", func() bool { return s.PIDs()[0] != killed })
	recall(t, s, "kept")
}

func TestServer_IsNotStartedInAFolderThatWasRemoved(t *testing.T) {
	s, p, log := supervised(t)
	if err := os.RemoveAll(p.dir); err != nil {
		t.Fatal(err)
	}
	kill(t, s)
	eventually(t, "it is logged", func() bool { return log.count("its folder was removed while it ran") == 1 })
	if _, err := os.Stat(p.dir); err == nil {
		t.Error("the folder was made again")
	}
}
