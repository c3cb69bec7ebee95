package prefork

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// What a supervisor leaves for its worker.
const (
	listenerDescriptor = 3 // after the three streams
	socketDescriptor   = 4

	slotVariable  = "PREFORK_SLOT"
	fiberVariable = "FIBER_PREFORK_CHILD=1" // makes fiber.IsChild return true
)

var errSupervisorGone = errors.New("the supervisor has gone")

// Worker is what a worker has from its supervisor.
type Worker struct {
	Slot     int          // from 0
	Listener net.Listener // shared with all workers

	mu     sync.Mutex // one message at a time
	socket net.Conn
	out    *gob.Encoder
	ctx    context.Context // ends with ErrReplaced, or when the supervisor has gone
	cancel context.CancelCauseFunc
}

// IsWorker reports whether a supervisor has started this process.
func IsWorker() bool { return os.Getenv(slotVariable) != "" }

// Inherit takes over what the supervisor has left for this process. Call it once.
func Inherit() (*Worker, error) {
	slot, err := strconv.Atoi(os.Getenv(slotVariable))
	if err != nil {
		return nil, fmt.Errorf("this process is no worker: %s is %q", slotVariable, os.Getenv(slotVariable))
	}
	listenerFile := os.NewFile(listenerDescriptor, "listener")
	defer listenerFile.Close()
	listener, err := net.FileListener(listenerFile)
	if err != nil {
		return nil, fmt.Errorf("inherit the listener: %w", err)
	}
	socketFile := os.NewFile(socketDescriptor, "supervisor")
	defer socketFile.Close()
	socket, err := net.FileConn(socketFile)
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("inherit the supervisor's socket: %w", err)
	}
	signal.Ignore(syscall.SIGHUP) // meant for the supervisor; by default it ends a process
	w := &Worker{Slot: slot, Listener: listener, socket: socket, out: gob.NewEncoder(socket)}
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	go w.awaitEnd()
	return w, nil
}

// Ready tells the supervisor that the worker serves.
func (w *Worker) Ready() error { return w.send(message{Ready: true}) }

// Send gives the supervisor a message. It waits for a while where the supervisor is busy.
func (w *Worker) Send(body []byte) error { return w.send(message{Body: body}) }

func (w *Worker) send(m message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.socket.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if err := w.out.Encode(m); err != nil {
		_ = w.socket.Close() // half a message may be out; what follows would make no sense
		return fmt.Errorf("write to the supervisor: %w", err)
	}
	return nil
}

// Context returns a context that ends with ctx; or, with the cause ErrReplaced,
// when another worker has taken this one's place; or when the supervisor has
// gone: a worker must not hold the port of a service that nobody looks after. A
// worker drains then and ends.
func (w *Worker) Context(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	context.AfterFunc(w.ctx, func() { cancel(context.Cause(w.ctx)) })
	return ctx
}

// awaitEnd returns when the worker is replaced, or when the supervisor has gone.
func (w *Worker) awaitEnd() {
	if n, _ := w.socket.Read(make([]byte, 1)); n > 0 {
		w.cancel(ErrReplaced)
	} else {
		w.cancel(errSupervisorGone)
	}
}
