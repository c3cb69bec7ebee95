//go:build unix

package devservices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 30 * time.Second

	// steady is how long a server has to serve until its next end is another
	// episode, which is logged anew and begins with the shortest pause.
	steady = 10 * time.Second
)

// server keeps a daemon running that this process owns: one that ends by itself is
// started again, with the same data and socket, until it is told to stop.
type server struct {
	daemon  daemon
	layout  layout
	owner   *os.File // our claim, given up when all has ended
	log     *slog.Logger
	process atomic.Pointer[process] // the latest

	stopping   context.Context
	cancel     context.CancelFunc
	supervised chan struct{} // closed once nothing is started any more
}

func newServer(d daemon, p layout, owner *os.File, first *process, log *slog.Logger) *server {
	s := &server{daemon: d, layout: p, owner: owner, log: log, supervised: make(chan struct{})}
	s.stopping, s.cancel = context.WithCancel(context.Background())
	s.process.Store(first)
	return s
}

// supervise starts the server again whenever it ends by itself, until stop.
func (s *server) supervise() {
	defer close(s.supervised)
	for s.waitForExit() && s.restart() {
		s.log.Info("an embedded server serves again", "server", s.daemon.name())
	}
}

// waitForExit waits for an end that nobody asked for, and logs it.
func (s *server) waitForExit() bool {
	last := s.process.Load()
	select {
	case <-last.done:
	case <-s.stopping.Done():
	}
	if s.stopping.Err() != nil {
		return false
	}
	s.log.Error("an embedded server ended by itself: starting it again", "server", s.daemon.name(),
		"state", last.cmd.ProcessState.String(), "log", s.layout.path(s.daemon.name()+".log"))
	return true
}

// restart returns once the server has been steady again, or never will be.
func (s *server) restart() bool {
	reported := false
	for wait := firstPause; ; wait = min(2*wait, maxPause) {
		if err := s.checkClaim(); err != nil {
			s.log.Error("an embedded server is not started again", "server", s.daemon.name(), "error", err)
			return false
		}
		err := s.startOnce()
		if s.stopping.Err() != nil {
			return false
		}
		if err == nil {
			return true
		}
		if !reported {
			reported = true
			s.log.Error("an embedded server could not be started again; still trying", "server", s.daemon.name(),
				"at_most_every", maxPause, "error", err)
		}
		select {
		case <-time.After(wait):
		case <-s.stopping.Done():
			return false
		}
	}
}

// startOnce returns nil once the server has been steady.
func (s *server) startOnce() error {
	starting, cancel := context.WithTimeout(s.stopping, startLimit)
	defer cancel()
	next, err := runOwned(starting, s.daemon, s.layout)
	if err != nil {
		return err
	}
	s.process.Store(next)
	select {
	case <-next.done:
		return fmt.Errorf("it ended within %s (%s)", steady, next.cmd.ProcessState)
	case <-s.stopping.Done():
		return s.stopping.Err()
	case <-time.After(steady):
		return nil
	}
}

// checkClaim returns an error where the folder has been removed, and perhaps made
// again: what is there then belongs to nobody, or to another process.
func (s *server) checkClaim() error {
	ours, err := s.owner.Stat()
	if err != nil {
		return fmt.Errorf("look at our lock: %w", err)
	}
	there, err := os.Stat(s.layout.path(s.daemon.name() + ".lock"))
	if err != nil || !os.SameFile(ours, there) {
		return errors.New(s.layout.dir + " was removed while its server ran: start the program again")
	}
	return nil
}

func (s *server) pid() int { return s.process.Load().pid() }

func (s *server) stop(ctx context.Context) error {
	s.cancel()
	<-s.supervised // what it was about to start has been stopped, or is the latest
	defer func() { _ = s.owner.Close() }()
	return s.process.Load().stop(ctx)
}
