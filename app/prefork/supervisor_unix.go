//go:build unix

package prefork

import (
	"context"
	"encoding/json"
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
	o        Options
	program  string
	listener int // a descriptor: os.File.Fd would make the listener blocking, for all workers

	force       chan struct{} // closed when workers are to end at once
	rolling     chan struct{} // holds a value during a rolling restart
	supervisors []*slotSupervisor

	mu       sync.Mutex
	slots    []Slot
	children map[*child]bool // get each change of the slots
}

// New returns a supervisor of the options' listener. No worker runs yet.
func New(o Options) (*Supervisor, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program that workers run: %w", err)
	}
	connection, err := o.Listener.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("reach the listener: %w", err)
	}
	var descriptor int
	var duplicate error
	err = connection.Control(func(fd uintptr) {
		descriptor, duplicate = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err := errors.Join(err, duplicate); err != nil {
		return nil, fmt.Errorf("duplicate the listener: %w", err)
	}
	_ = o.Listener.Close() // the duplicate keeps the port; nobody accepts here
	o = o.withDefaults()
	s := &Supervisor{
		o: o, program: program, listener: descriptor,
		force: make(chan struct{}), rolling: make(chan struct{}, 1),
		slots: make([]Slot, o.Workers), children: make(map[*child]bool),
	}
	for i := range s.slots {
		s.slots[i] = Slot{State: Down, Since: time.Now()}
		s.supervisors = append(s.supervisors, &slotSupervisor{s: s, slot: i, replacements: make(chan chan error)})
	}
	return s, nil
}

// Run keeps the workers alive until ctx ends, and drains them then; or until
// they do not stay up, which is ErrGaveUp. A SIGHUP replaces them one by one,
// each by one that is ready. A second SIGINT ends them at once: ErrInterrupted.
// Call it once.
func (s *Supervisor) Run(ctx context.Context) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT)
	defer signal.Stop(signals)

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var slots sync.WaitGroup
	for _, k := range s.supervisors {
		slots.Go(func() { k.run(ctx, cancel) })
	}
	var restarts sync.WaitGroup
	ended := make(chan struct{})
	go func() { slots.Wait(); close(ended) }()

	interrupts, draining := 0, ctx.Done()
	for {
		select {
		case received := <-signals:
			if received == syscall.SIGHUP {
				restarts.Go(func() { s.rollingRestart(ctx) })
			} else if interrupts++; interrupts == 2 {
				close(s.force)
			}
		case <-draining:
			draining = nil
			// From now on the port is there as long as a worker listens on it.
			_ = unix.Close(s.listener)
			s.o.Log.Info("draining the workers", "timeout", s.o.DrainTimeout)
		case <-ended:
			restarts.Wait()
			if draining != nil {
				_ = unix.Close(s.listener)
			}
			if interrupts > 1 {
				return ErrInterrupted
			}
			if cause := context.Cause(ctx); errors.Is(cause, ErrGaveUp) {
				return cause
			}
			return nil
		}
	}
}

// rollingRestart replaces the workers one after the other. Another one waits until it is over.
func (s *Supervisor) rollingRestart(ctx context.Context) {
	select {
	case s.rolling <- struct{}{}:
		defer func() { <-s.rolling }()
	case <-ctx.Done():
		return
	}
	s.o.Log.Info("replacing the workers", "workers", len(s.supervisors))
	for _, k := range s.supervisors {
		err := k.replace(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.o.Log.Error("a worker could not be replaced; the others stay as they are", "worker", k.slot, "error", err)
			return
		}
	}
	s.o.Log.Info("the workers are replaced", "workers", len(s.supervisors))
}

// Slots returns the state of each slot.
func (s *Supervisor) Slots() []Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.slots)
}

// change changes a slot and sends that to all workers.
func (s *Supervisor) change(slot int, by func(*Slot)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.slots[slot].State
	by(&s.slots[slot])
	if s.slots[slot].State != before {
		s.slots[slot].Since = time.Now()
	}
	s.broadcast()
}

// broadcast sends all workers the state of the slots. The caller holds the lock.
func (s *Supervisor) broadcast() {
	state, err := json.Marshal(s.slots)
	if err != nil {
		return // numbers, words and times can be marshalled
	}
	for c := range s.children {
		c.slotsJSON.Store(&state)
		c.wakeWriter()
	}
}

// stable reports whether some worker has been ready for StableAfter.
func (s *Supervisor) stable() bool {
	for _, slot := range s.Slots() {
		if slot.State == Ready && time.Since(slot.Since) >= s.o.StableAfter {
			return true
		}
	}
	return false
}
