//go:build unix

package devservices

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/prefab/app/devservices/internal/filelock"
)

const (
	pollInterval = 10 * time.Millisecond

	// guestAnswers is how many answers make a guest trust an owner: one that was just
	// killed still has its lock, and its server, for some milliseconds.
	guestAnswers = 10
)

// daemon is a kind of server.
type daemon interface {
	name() string
	// prepare is called by the owner alone, while no server runs. What it
	// starts must inherit the file, or end before it returns.
	prepare(ctx context.Context, pidLock *os.File) (argv []string, err error)
	answers(ctx context.Context) error // nil once it serves
	stopSignals() []stopSignal         // the gentlest first
}

// run makes the server answer. The result is nil if another process owns it.
func run(ctx context.Context, d daemon, p layout, o Options) (running, error) {
	owner, err := claim(ctx, d, p)
	if err != nil {
		return nil, err
	}
	if owner == nil {
		o.Log.Info("using a server that another process of this checkout runs", "server", d.name())
		return nil, nil
	}
	first, err := runOwned(ctx, d, p)
	if err != nil {
		_ = owner.Close()
		return nil, err
	}
	s := newServer(d, p, owner, first, o.Log)
	if !o.Disposable { // a test says when a server is back that it has killed
		go s.supervise()
	} else {
		close(s.supervised)
	}
	return s, nil
}

// runOwned starts the server once and waits until it answers. Only the process that
// holds the claim may call it.
func runOwned(ctx context.Context, d daemon, p layout) (*process, error) {
	pidLock, err := takeOver(ctx, d, p)
	if err != nil {
		return nil, err
	}
	defer func() { _ = pidLock.Close() }() // from here on the server's own copy counts
	argv, err := d.prepare(ctx, pidLock)
	if err != nil {
		return nil, err
	}
	s, err := launch(d, argv, p, pidLock)
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx, d, p); err != nil {
		return nil, errors.Join(err, s.stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// claim makes this process the owner of a server, which it stays until it
// closes the file or dies. While another process is the owner, it waits for
// that one's server to answer and returns nil.
//
// Two locks tell apart what a pid file or a socket cannot. NAME.lock is held by
// the owner. NAME.pid is inherited by the server and all its children, so that it
// is held exactly while one of them lives, however their parent died and
// whoever has got their process ids since.
func claim(ctx context.Context, d daemon, p layout) (*os.File, error) {
	for answered := 0; ; {
		owner, err := lock(p, d.name()+".lock")
		if !errors.Is(err, filelock.ErrHeld) {
			return owner, err
		}
		err = d.answers(ctx)
		if err == nil {
			answered++
		}
		if answered > guestAnswers {
			return nil, nil
		}
		if !pause(ctx) {
			return nil, fmt.Errorf("another process of this checkout is to run %s, and it does not answer: %w: %w",
				d.name(), context.Cause(ctx), err)
		}
	}
}

// takeOver returns once no server of an earlier owner is left. One that outlived
// its owner is told to end, never adopted: on Linux it has been told already
// and may still answer for a moment, elsewhere nobody would end it if we were killed.
func takeOver(ctx context.Context, d daemon, p layout) (*os.File, error) {
	for _, f := range d.stopSignals() {
		deadline := time.Now().Add(f.grace)
		for asked := false; time.Now().Before(deadline); {
			pidLock, err := lock(p, d.name()+".pid")
			if !errors.Is(err, filelock.ErrHeld) {
				return pidLock, err
			}
			if !asked {
				asked = true
				signalOrphan(p.path(d.name()+".pid"), f.signal)
			}
			if !pause(ctx) {
				return nil, fmt.Errorf("wait for an earlier %s to end: %w", d.name(), context.Cause(ctx))
			}
		}
	}
	return nil, fmt.Errorf("an earlier %s does not end: find its process id in %s", d.name(), p.path(d.name()+".pid"))
}

func lock(p layout, name string) (*os.File, error) {
	f, err := filelock.Try(p.path(name))
	if err != nil {
		return nil, err
	}
	if err := p.who.chown(p.path(name)); err != nil {
		return nil, errors.Join(fmt.Errorf("hand over lock: %w", err), f.Close())
	}
	return f, nil
}

// signalOrphan trusts the number, because the file's lock says that the server lives.
func signalOrphan(path string, sig syscall.Signal) {
	text, err := os.ReadFile(path)
	if err != nil {
		return
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && pid > 1 {
		_ = syscall.Kill(pid, sig) // whether it worked shows in the lock
	}
}

func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pollInterval):
		return true
	}
}
