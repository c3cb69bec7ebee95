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
	"sync/atomic"
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
	handle atomic.Value    // of Answer
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
	go w.receive()
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

// maxAnswer bounds what a report of the worker may have to wait for.
const maxAnswer = 4 << 20

// Answer makes handle answer the supervisor's questions, several at once. Its context ends
// when the supervisor has gone, but not when somebody no longer waits for the answer: it
// should have a deadline of its own. An answer above 4 MiB is refused.
func (w *Worker) Answer(handle func(ctx context.Context, question []byte) []byte) {
	w.handle.Store(handle)
}

// receive handles the supervisor's messages until the supervisor has gone.
func (w *Worker) receive() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for in := gob.NewDecoder(w.socket); ; {
		var m message
		if in.Decode(&m) != nil {
			w.cancel(errSupervisorGone)
			return
		}
		if m.Replaced {
			w.cancel(ErrReplaced)
		} else {
			go w.answer(ctx, m) // the supervisor bounds their number
		}
	}
}

func (w *Worker) answer(ctx context.Context, question message) {
	answer := message{Question: question.Question}
	if handle, ok := w.handle.Load().(func(context.Context, []byte) []byte); ok {
		answer.Body = handle(ctx, question.Body)
	} else {
		answer.Refused = "the worker answers no questions"
	}
	if n := len(answer.Body); n > maxAnswer {
		answer.Body, answer.Refused = nil, fmt.Sprintf("the worker's answer has %d bytes, of at most %d", n, maxAnswer)
	}
	_ = w.send(answer) // an error has closed the socket, which ends the worker
}
