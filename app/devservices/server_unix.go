//go:build unix

package devservices

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	pollInterval = 10 * time.Millisecond

	// guestAnswers is how many answers make a guest trust an owner: one that was just
	// killed still has its lock, and its server, for some milliseconds.
	guestAnswers = 10

	// stopLimit is how long a server may take to stop until it is killed.
	stopLimit = 10 * time.Second
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

// server is a daemon that this process owns.
//
// Two locks tell apart what a process id or a socket cannot. NAME.lock is held by
// the owner. NAME.pid is inherited by the server and all its children, so that it
// is held exactly while one of them lives, however their parent died and
// whoever has got their process ids since.
type server struct {
	daemon
	layout  layout
	cmd     *exec.Cmd
	cancel  context.CancelFunc // tells it to stop
	stopped chan struct{}      // closed once it has ended, and belongs to nobody
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
	running, cancel := context.WithCancel(context.Background())
	s := &server{daemon: d, layout: p, cancel: cancel, stopped: make(chan struct{})}
	exited, err := s.launch(ctx, running)
	if err != nil {
		cancel()
		return nil, errors.Join(err, owner.Close())
	}
	go func() {
		defer close(s.stopped)
		defer func() { _ = owner.Close() }()
		<-exited
		if running.Err() == nil && !o.Disposable { // tests kill servers
			o.Log.Error("an embedded server ended by itself: start the program again", "server", d.name(),
				"state", s.cmd.ProcessState.String(), "log", p.path(d.name()+".log"))
		}
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

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
