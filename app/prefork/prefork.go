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
//		go serve(worker.Listener)
//		err = worker.Ready()
//		<-worker.Context(ctx).Done() // then drain
//	}
//	supervisor, err := prefork.New(prefork.Options{Listener: listener, Workers: 4, …})
//	…
//	return supervisor.Run(ctx)
//
// The supervisor may ask a worker something: [Supervisor.Ask] sends a question, which the
// function of [Worker.Answer] answers.
//
// It stands instead of Fiber's prefork, whose master ends with its first child
// and whose children end at once where the master is process 1. The supervisor
// may be process 1, but reaps only its own workers.
package prefork

import (
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
	// ErrNoWorker says that a slot has no worker that could answer.
	ErrNoWorker = errors.New("no worker is ready in that slot")
	// ErrUnsupported says that this system cannot hand a listener to a child.
	ErrUnsupported = errors.New("this system cannot prefork")
)

// Options say what a supervisor runs. All but Env are required.
type Options struct {
	Listener *net.TCPListener // becomes the supervisor's where New succeeds
	Workers  int
	Log      *slog.Logger
	Env      []string // NAME=value for the workers; wins over the supervisor's own environment

	ReadyTimeout time.Duration // what a worker may take until it is ready
	DrainTimeout time.Duration // what it may take to end when asked, before it is killed

	// Receive gets each message of a worker, and may keep the bytes. Ended is called
	// after the last message of a process that has ended. Several goroutines call them,
	// in order for one process.
	Receive func(slot, pid int, message []byte)
	Ended   func(slot, pid int)
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
	PID      int // 0 unless ready
	State    State
	Since    time.Time // it is in that state
	Restarts int       // after unexpected exits
}

// message is what a worker and its supervisor send each other, encoded by gob.
type message struct {
	Ready    bool   // the worker serves from now on
	Replaced bool   // another worker has taken this one's place
	Question uint64 // the number of a question or of its answer; 0: neither
	Refused  string // why a question has no answer
	Body     []byte // of Worker.Send, of a question, or of its answer
}
