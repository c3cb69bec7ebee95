//go:build unix

package prefork

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	listenerDescriptor = 3 // in the worker, after its three streams
	socketDescriptor   = 4

	slotVariable  = "PREFORK_SLOT"
	fiberVariable = "FIBER_PREFORK_CHILD=1" // makes fiber.IsChild return true
)

// child is a worker as its supervisor sees it.
type child struct {
	slot, pid int
	process   *os.Process
	socket    net.Conn

	ready   chan struct{} // closed once it is; readyAt is set then
	readyAt time.Time
	ended   chan struct{} // closed once the process is reaped; state is set then
	state   *os.ProcessState

	slotsJSON atomic.Pointer[[]byte] // the newest state of all slots
	replaced  atomic.Bool
	wake      chan struct{} // holds a value while one of both has changed
}

// spawn starts a worker.
func (s *Supervisor) spawn(slot int) (*child, error) {
	socket, workerSocket, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer unix.Close(workerSocket)
	pid, err := syscall.ForkExec(s.program, os.Args, &syscall.ProcAttr{ //nolint:gosec // it is this program
		Env: overrideEnv(os.Environ(),
			slices.Concat(s.o.Env, []string{slotVariable + "=" + strconv.Itoa(slot), fiberVariable})),
		Files: []uintptr{0, 1, 2, uintptr(s.listener), uintptr(workerSocket)},
		Sys:   &syscall.SysProcAttr{Setpgid: true}, // a terminal's Ctrl-C is for the supervisor alone
	})
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("start %s: %w", s.program, err)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("find worker %d: %w", pid, err)
	}
	c := &child{
		slot: slot, pid: pid, process: process, socket: socket,
		ready: make(chan struct{}), ended: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	s.mu.Lock()
	s.children[c] = true
	s.broadcast()
	s.mu.Unlock()
	allRead := make(chan struct{})
	go func() { defer close(allRead); s.readFrames(c) }()
	go c.writeFrames()
	go s.reap(c, allRead)
	return c, nil
}

// overrideEnv returns the variables of base and those of overrides, which win. A name occurs
// once: ForkExec passes duplicates on, and a Go program keeps the first.
func overrideEnv(base, overrides []string) []string {
	names := make(map[string]bool, len(overrides))
	for _, variable := range overrides {
		name, _, _ := strings.Cut(variable, "=")
		names[name] = true
	}
	kept := slices.DeleteFunc(slices.Clone(base), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return names[name]
	})
	return append(kept, overrides...)
}

func socketPair() (socket net.Conn, workerSocket int, err error) {
	syscall.ForkLock.RLock() // or a worker started meanwhile would inherit them
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(pair[0])
		unix.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, 0, fmt.Errorf("make a worker's socket: %w", err)
	}
	file := os.NewFile(uintptr(pair[0]), "worker")
	defer file.Close()
	socket, err = net.FileConn(file)
	if err != nil {
		_ = unix.Close(pair[1])
		return nil, 0, fmt.Errorf("use a worker's socket: %w", err)
	}
	return socket, pair[1], nil
}

// readFrames handles the worker's frames until the worker closes its socket.
func (s *Supervisor) readFrames(c *child) {
	in := bufio.NewReader(c.socket)
	for {
		kind, body, err := readFrame(in)
		if err != nil {
			return
		}
		switch kind {
		case frameReady:
			if !c.isReady() {
				c.readyAt = time.Now()
				close(c.ready)
			}
		case frameMessage:
			s.o.Receive(c.slot, c.pid, body)
		}
	}
}

// writeFrames sends the worker the newest state of all slots, until a write fails or the
// worker has ended.
func (c *child) writeFrames() {
	for {
		select {
		case <-c.wake:
		case <-c.ended:
			return
		}
		_ = c.socket.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if writeFrame(c.socket, frameSlots, *c.slotsJSON.Load()) != nil {
			return
		}
		if c.replaced.Load() {
			_ = writeFrame(c.socket, frameReplace, nil)
			return
		}
	}
}

// reap waits for the worker's process, and then until all its frames are read.
func (s *Supervisor) reap(c *child, allRead <-chan struct{}) {
	state, err := c.process.Wait()
	if err != nil {
		s.o.Log.Error("could not wait for worker", "worker", c.slot, "pid", c.pid, "error", err)
	}
	// A child of the worker may have outlived it, and may hold the socket open.
	_ = c.socket.SetReadDeadline(time.Now().Add(time.Second))
	<-allRead
	_ = c.socket.Close()
	s.mu.Lock()
	delete(s.children, c)
	s.mu.Unlock()
	s.o.Ended(c.slot, c.pid)
	c.state = state
	close(c.ended)
}

// wakeWriter has writeFrames send what has changed.
func (c *child) wakeWriter() {
	select {
	case c.wake <- struct{}{}:
	default: // the last change is not sent yet, and both go together
	}
}

func (c *child) isReady() bool {
	select {
	case <-c.ready:
		return true
	default:
		return false
	}
}

func (c *child) signal(signal syscall.Signal) { _ = c.process.Signal(signal) } // it may have ended

func (c *child) terminate() { c.signal(syscall.SIGTERM) }

// killed reports whether SIGKILL ended the worker. It has ended.
func (c *child) killed() bool {
	if c.state == nil {
		return false
	}
	status, ok := c.state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// reason says how the worker ended, nil for its exit with 0. It has ended.
func (c *child) reason() error {
	if c.state == nil || !c.state.Success() {
		return errors.New(c.state.String())
	}
	return nil
}
