// Package prefork serves one port with several processes. A supervisor owns the
// listener and keeps a number of workers alive that inherit it; a worker that
// dies loses the connections that it had accepted, and no others.
//
// The workers run the supervisor's own program with its own arguments. A program
// asks IsWorker which part it has:
//
//	if prefork.IsWorker() {
//		worker, err := prefork.Inherit()
//		…
//		worker.Ready()
//		return serve(worker.Context(ctx), worker.Listener)
//	}
//	supervisor, err := prefork.New(prefork.Options{Listener: listener, Workers: 4, Log: log})
//	…
//	return supervisor.Run(ctx)
//
// It stands instead of Fiber's prefork, whose master ends with its first child
// and whose children end at once where the master is process 1.
package prefork

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"time"
)

var (
	// ErrGaveUp says that a worker failed again and again, and none was stable.
	ErrGaveUp = errors.New("the workers do not stay up")
	// ErrInterrupted says that a second interrupt ended the workers at once.
	ErrInterrupted = errors.New("interrupted while draining")
	// ErrReplaced is the cause of a worker's context once another worker serves for it:
	// the service goes on, so its readiness stays.
	ErrReplaced = errors.New("replaced by another worker")
	// ErrUnsupported says that this system cannot hand a listener to a child.
	ErrUnsupported = errors.New("this system cannot prefork")
)

// Options say what a supervisor runs. Without a value a duration or a number has
// the default that its comment names.
type Options struct {
	Listener *net.TCPListener // becomes the supervisor's where New succeeds
	Workers  int              // 1
	Log      *slog.Logger
	Env      []string // NAME=value for the workers; wins over the supervisor's own environment

	ReadyTimeout time.Duration // what a worker may take until it is ready: 1m
	DrainTimeout time.Duration // what it may take to end when asked, before it is killed: 30s
	StableAfter  time.Duration // a worker that was ready for it resets the slot's failures: 10s
	MinPause     time.Duration // before the first restart of a slot; it doubles: 100ms
	MaxPause     time.Duration // where it stops doubling: 5s
	MaxFailures  int           // in a row, of one slot, while no worker is stable: 6

	// Receive gets each message of a worker, and may keep the bytes. Ended is called
	// after the last message of a process that has ended. Several goroutines call them,
	// in order for one process.
	Receive func(slot, pid int, message []byte)
	Ended   func(slot, pid int)
}

func (o Options) withDefaults() Options {
	o.Workers = max(o.Workers, 1)
	o.ReadyTimeout = cmp.Or(o.ReadyTimeout, time.Minute)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, 30*time.Second)
	o.StableAfter = cmp.Or(o.StableAfter, 10*time.Second)
	o.MinPause = cmp.Or(o.MinPause, 100*time.Millisecond)
	o.MaxPause = cmp.Or(o.MaxPause, 5*time.Second)
	o.MaxFailures = cmp.Or(o.MaxFailures, 6)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Receive == nil {
		o.Receive = func(int, int, []byte) {}
	}
	if o.Ended == nil {
		o.Ended = func(int, int) {}
	}
	return o
}

// State is the state of a slot's worker.
type State string

// The states of a slot. One that is down waits for its restart.
const (
	Down     State = "down"
	Starting State = "starting"
	Ready    State = "ready"
)

// Slot is the state of one worker. It outlives the worker's processes.
type Slot struct {
	PID      int       `json:"pid"` // 0 while down
	State    State     `json:"state"`
	Since    time.Time `json:"since"`    // it is in that state
	Restarts int       `json:"restarts"` // after unexpected exits
}
