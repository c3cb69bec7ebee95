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
	listener int // a bare descriptor: an os.File would make it blocking for all workers at each start

	force   chan struct{} // closed when workers are to end at once
	rolling chan struct{} // holds a value while a roll is under way
	keepers []*keeper

	mu       sync.Mutex
	slots    []Slot
	children map[*child]bool // that take news of the slots
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
		s.keepers = append(s.keepers, &keeper{s: s, slot: i, rolls: make(chan chan error)})
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

	life, end := context.WithCancelCause(ctx)
	defer end(nil)
	var kept sync.WaitGroup
	for _, k := range s.keepers {
		kept.Go(func() { k.keep(life, end) })
	}
	var rolls sync.WaitGroup
	ended := make(chan struct{})
	go func() { kept.Wait(); close(ended) }()

	interrupts, draining := 0, life.Done()
	for {
		select {
		case received := <-signals:
			if received == syscall.SIGHUP {
				rolls.Go(func() { s.roll(life) })
			} else if interrupts++; interrupts == 2 {
				close(s.force)
			}
		case <-draining:
			draining = nil
			// From now on the port is there as long as a worker listens on it.
			_ = unix.Close(s.listener)
			s.o.Log.Info("draining the workers", "timeout", s.o.DrainTimeout)
		case <-ended:
			rolls.Wait()
			if draining != nil {
				_ = unix.Close(s.listener)
			}
			if interrupts > 1 {
				return ErrInterrupted
			}
			if cause := context.Cause(life); errors.Is(cause, ErrGaveUp) {
				return cause
			}
			return nil
		}
	}
}

// roll replaces the workers one after the other. While that is under way another
// one may wait; more would do the same again.
func (s *Supervisor) roll(life context.Context) {
	select {
	case s.rolling <- struct{}{}:
		defer func() { <-s.rolling }()
	case <-life.Done():
		return
	}
	s.o.Log.Info("replacing the workers", "workers", len(s.keepers))
	for _, k := range s.keepers {
		err := k.replace(life)
		if life.Err() != nil {
			return
		}
		if err != nil {
			s.o.Log.Error("a worker could not be replaced; the others stay as they are", "slot", k.slot, "error", err)
			return
		}
	}
	s.o.Log.Info("the workers are replaced", "workers", len(s.keepers))
}

// Slots returns where each slot stands.
func (s *Supervisor) Slots() []Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.slots)
}

// change changes a slot and tells all workers.
func (s *Supervisor) change(slot int, by func(*Slot)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.slots[slot].State
	by(&s.slots[slot])
	if s.slots[slot].State != before {
		s.slots[slot].Since = time.Now()
	}
	s.tell()
}

// tell gives the workers the newest picture. The caller holds the lock.
func (s *Supervisor) tell() {
	picture, err := json.Marshal(s.slots)
	if err != nil {
		return // numbers, words and times can be marshalled
	}
	for c := range s.children {
		c.news.Store(&picture)
		c.changed()
	}
}

// stable reports whether some worker has proved itself.
func (s *Supervisor) stable() bool {
	for _, slot := range s.Slots() {
		if slot.State == Ready && time.Since(slot.Since) >= s.o.StableAfter {
			return true
		}
	}
	return false
}
