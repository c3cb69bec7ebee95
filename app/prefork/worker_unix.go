//go:build unix

package prefork

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var errSupervisorGone = errors.New("the supervisor has gone")

// Worker is what a worker has from its supervisor.
type Worker struct {
	Slot     int          // from 0
	Listener net.Listener // shared with all workers

	socket net.Conn
	mu     sync.Mutex // one frame at a time
	slots  atomic.Pointer[[]Slot]
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
	listener, err := inheritListener()
	if err != nil {
		return nil, err
	}
	file := os.NewFile(socketDescriptor, "supervisor")
	defer file.Close()
	socket, err := net.FileConn(file)
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("inherit the supervisor's socket: %w", err)
	}
	signal.Ignore(syscall.SIGHUP) // meant for the supervisor; by default it ends a process
	w := &Worker{Slot: slot, Listener: listener, socket: socket}
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	go w.readFrames()
	return w, nil
}

func inheritListener() (net.Listener, error) {
	file := os.NewFile(listenerDescriptor, "listener")
	defer file.Close()
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("inherit the listener: %w", err)
	}
	return listener, nil
}

// Ready tells the supervisor that the worker serves.
func (w *Worker) Ready() error { return w.write(frameReady, nil) }

// Send gives the supervisor a message of 4 MiB at most. It waits for a while where
// the supervisor is busy.
func (w *Worker) Send(message []byte) error { return w.write(frameMessage, message) }

func (w *Worker) write(kind byte, body []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.socket.SetWriteDeadline(time.Now().Add(10 * time.Second))
	err := writeFrame(w.socket, kind, body)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = w.socket.Close() // half a frame may be out; what follows would make no sense
	}
	return err
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

// Slots returns the newest state of all workers that the supervisor has sent.
func (w *Worker) Slots() []Slot {
	if slots := w.slots.Load(); slots != nil {
		return slices.Clone(*slots)
	}
	return nil
}

func (w *Worker) readFrames() {
	defer w.cancel(errSupervisorGone)
	in := bufio.NewReader(w.socket)
	for {
		kind, body, err := readFrame(in)
		if err != nil {
			return
		}
		var slots []Slot
		switch {
		case kind == frameReplace:
			w.cancel(ErrReplaced)
		case kind == frameSlots && json.Unmarshal(body, &slots) == nil:
			w.slots.Store(&slots)
		}
	}
}
