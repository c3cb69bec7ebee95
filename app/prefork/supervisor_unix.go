//go:build unix

package prefork

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Supervisor keeps workers alive on one listener.
type Supervisor struct {
	o       Options
	program string
	force   chan struct{} // closed when workers are to end at once
	hangups chan os.Signal

	mu       sync.Mutex
	listener *os.File
	slots    []Slot
	children []*child // the last that was ready in each slot; nil: none yet
}

// New returns a supervisor of the options' listener. No worker runs yet.
func New(o Options) (*Supervisor, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program that workers run: %w", err)
	}
	listener, err := duplicate(o.Listener)
	if err != nil {
		return nil, fmt.Errorf("duplicate the listener: %w", err)
	}
	_ = o.Listener.Close() // the duplicate keeps the port; nobody accepts here
	return &Supervisor{
		o: o, program: program, listener: listener, force: make(chan struct{}),
		hangups:  make(chan os.Signal, 1), // one during a rolling restart starts another
		slots:    slices.Repeat([]Slot{{State: Down, Since: time.Now()}}, o.Workers),
		children: make([]*child, o.Workers),
	}, nil
}

// duplicate returns what workers inherit. It is not the listener's own File, which
// becomes blocking, for all workers, when a process is started with it.
func duplicate(l syscall.Conn) (*os.File, error) {
	connection, err := l.SyscallConn()
	if err != nil {
		return nil, err
	}
	var file *os.File
	var failed error
	err = connection.Control(func(fd uintptr) {
		var descriptor int
		descriptor, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		file = os.NewFile(uintptr(descriptor), "listener")
	})
	return file, errors.Join(err, failed)
}

// Run keeps the workers alive until ctx ends, and drains them then; or until
// they do not stay up, which is ErrGaveUp. A SIGHUP replaces them one by one,
// each by one that is ready. A SIGINT during the drain ends them at once:
// ErrInterrupted. Call it once.
func (s *Supervisor) Run(ctx context.Context) error {
	signal.Notify(s.hangups, syscall.SIGHUP)
	defer signal.Stop(s.hangups)
	s.o.Log.Info("supervising", "address", s.o.Listener.Addr().String(), "workers", len(s.slots)) // a SIGHUP is safe now

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	var slotSupervisors []*slotSupervisor
	for slot := range s.slots {
		k := &slotSupervisor{s: s, slot: slot, replacements: make(chan replacement)}
		slotSupervisors = append(slotSupervisors, k)
		all.Go(func() { k.run(ctx, cancel) })
	}
	all.Go(func() {
		for {
			select {
			case <-s.hangups:
				s.rollingRestart(ctx, slotSupervisors)
			case <-ctx.Done():
				return
			}
		}
	})

	<-ctx.Done()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	// From now on the port is there as long as a worker listens on it.
	s.mu.Lock()
	_ = s.listener.Close()
	s.mu.Unlock()
	s.o.Log.Info("draining the workers", "timeout", s.o.DrainTimeout)
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-interrupts:
		close(s.force)
		<-ended
		return ErrInterrupted
	}
	if cause := context.Cause(ctx); errors.Is(cause, ErrGaveUp) {
		return cause
	}
	return nil
}

// Roll replaces the workers one by one, as a SIGHUP does. It does not wait for that.
func (s *Supervisor) Roll() {
	select {
	case s.hangups <- syscall.SIGHUP:
	default: // another rolling restart is to follow the current one already
	}
}

// rollingRestart replaces the workers one after the other: each slot waits until the old
// worker of the one before has ended.
func (s *Supervisor) rollingRestart(ctx context.Context, slotSupervisors []*slotSupervisor) {
	s.o.Log.Info("replacing the workers", "workers", len(slotSupervisors))
	for _, k := range slotSupervisors {
		err := k.replace(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.o.Log.Error("a worker could not be replaced; the others stay as they are", "worker", k.slot, "error", err)
			return
		}
	}
	s.o.Log.Info("the workers are replaced", "workers", len(slotSupervisors))
}

// Slots returns the state of each slot.
func (s *Supervisor) Slots() []Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.slots)
}

// set changes a slot.
func (s *Supervisor) set(slot int, state State, pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := &s.slots[slot]
	now.State, now.PID, now.Since = state, pid, time.Now()
	if state == Down {
		now.Restarts++
	}
}
