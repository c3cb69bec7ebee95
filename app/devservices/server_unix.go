//go:build unix

package devservices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	pollInterval = 10 * time.Millisecond

	// guestAnswers is how many answers make a guest trust an owner: one that was just
	// killed still has its lock, and its server, for some milliseconds.
	guestAnswers = 10

	// A server is started again after firstPause, which doubles up to maxPause, until
	// it has run for steady.
	firstPause = 100 * time.Millisecond
	maxPause   = 30 * time.Second
	steady     = 10 * time.Second

	// stopLimit is how long a server may take to stop until it is killed.
	stopLimit = 10 * time.Second

	maxLog = 1 << 20 // bytes, when a server starts
)

// daemon is a kind of server.
type daemon interface {
	name() string
	stopSignal() syscall.Signal
	// prepare is called by the owner alone, while no server runs. What it
	// starts must inherit the file, or end before it returns.
	prepare(ctx context.Context, pidLock *os.File) (argv []string, err error)
	answers(ctx context.Context) error // nil once it serves
}

// server keeps a daemon running that this process owns, until it is told to stop.
//
// Two locks tell apart what a process id or a socket cannot. NAME.lock is held by
// the owner. NAME.pid is inherited by the server and all its children, so that it
// is held exactly while one of them lives, however their parent died and
// whoever has got their process ids since.
type server struct {
	daemon
	layout layout
	log    *slog.Logger
	owner  *os.File                 // NAME.lock
	cmd    atomic.Pointer[exec.Cmd] // the latest

	stopping context.Context
	cancel   context.CancelFunc
	stopped  chan struct{} // closed once all has ended
}

// startServer makes the server answer. The result is nil if another process owns it.
func startServer(ctx context.Context, d daemon, p layout, o Options) (*server, error) {
	owner, err := claim(ctx, d, p)
	if err != nil {
		return nil, err
	}
	if owner == nil {
		o.Log.Info("using a server that another process of this checkout runs", "server", d.name())
		return nil, nil
	}
	s := &server{daemon: d, layout: p, log: o.Log, owner: owner, stopped: make(chan struct{})}
	s.stopping, s.cancel = context.WithCancel(context.Background())
	exited, err := s.launch(ctx)
	if err != nil {
		s.cancel()
		return nil, errors.Join(err, owner.Close())
	}
	go func() {
		defer close(s.stopped)
		defer func() { _ = owner.Close() }()
		if o.Disposable { // a test says when a server is back that it has killed
			<-exited
			return
		}
		s.supervise(exited)
	}()
	return s, nil
}

// claim makes this process the owner of a server, which it stays until it
// closes the file or dies. While another process is the owner, it waits for
// that one's server to answer and returns nil.
func claim(ctx context.Context, d daemon, p layout) (*os.File, error) {
	for answered := 0; answered < guestAnswers; {
		owner, err := p.lock(d.name() + ".lock")
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return owner, err
		}
		if err = d.answers(ctx); err == nil {
			answered++
		}
		if !sleep(ctx, pollInterval) {
			return nil, fmt.Errorf("another process of this checkout is to run %s, and it does not answer: %w: %w",
				d.name(), context.Cause(ctx), err)
		}
	}
	return nil, nil
}

// supervise starts the server again whenever it ends by itself.
func (s *server) supervise(exited <-chan struct{}) {
	pause := firstPause
	for {
		if exited != nil {
			began := time.Now()
			<-exited
			if s.stopping.Err() != nil {
				return
			}
			s.log.Error("an embedded server ended by itself: starting it again", "server", s.name(),
				"state", s.cmd.Load().ProcessState.String(), "log", s.layout.path(s.name()+".log"))
			if time.Since(began) > steady {
				pause = firstPause
			}
		}
		if !sleep(s.stopping, pause) {
			return
		}
		pause = min(2*pause, maxPause)
		if !s.stillOwner() {
			s.log.Error("an embedded server is not started again: its folder was removed while it ran; "+
				"start the program again", "server", s.name(), "folder", s.layout.dir)
			return
		}
		var err error
		if exited, err = s.launch(s.stopping); err != nil && s.stopping.Err() == nil {
			s.log.Error("an embedded server could not be started again; still trying", "server", s.name(), "error", err)
		}
	}
}

// stillOwner is false where the folder has been removed, and perhaps made
// again: what is there then belongs to nobody, or to another process.
func (s *server) stillOwner() bool {
	ours, _ := s.owner.Stat() // of an open file: it does not fail
	there, err := os.Stat(s.owner.Name())
	return err == nil && os.SameFile(ours, there)
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
