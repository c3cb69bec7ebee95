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
	fiberVariable = "FIBER_PREFORK_CHILD=1" // what fiber.IsChild looks for
)

// child is a worker as its supervisor sees it.
type child struct {
	slot, pid int
	process   *os.Process
	socket    net.Conn

	ready   chan struct{} // closed once it is; readyAt is set then
	readyAt time.Time
	ended   chan struct{} // closed when all is over, and state set
	state   *os.ProcessState

	news     atomic.Pointer[[]byte] // the newest picture of the slots
	replaced atomic.Bool
	wake     chan struct{} // holds a value while one of both has changed
}

// spawn starts a worker.
func (s *Supervisor) spawn(slot int) (*child, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer unix.Close(theirs)
	pid, err := syscall.ForkExec(s.program, os.Args, &syscall.ProcAttr{ //nolint:gosec // it is this program
		Env:   overrideEnv(os.Environ(), slices.Concat(s.o.Env, []string{slotVariable + "=" + strconv.Itoa(slot), fiberVariable})),
		Files: []uintptr{0, 1, 2, uintptr(s.listener), uintptr(theirs)},
		Sys:   &syscall.SysProcAttr{Setpgid: true}, // a terminal's Ctrl-C is for the supervisor alone
	})
	if err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("start %s: %w", s.program, err)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("find worker %d: %w", pid, err)
	}
	c := &child{
		slot: slot, pid: pid, process: process, socket: ours,
		ready: make(chan struct{}), ended: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	s.mu.Lock()
	s.children[c] = true
	s.tell()
	s.mu.Unlock()
	heard := make(chan struct{})
	go func() { defer close(heard); s.hear(c) }()
	go c.talk()
	go s.bury(c, heard)
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

func socketPair() (ours net.Conn, theirs int, err error) {
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
	ours, err = net.FileConn(file)
	if err != nil {
		_ = unix.Close(pair[1])
		return nil, 0, fmt.Errorf("use a worker's socket: %w", err)
	}
	return ours, pair[1], nil
}

// hear takes what the worker says until it has no more to say.
func (s *Supervisor) hear(c *child) {
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

// talk gives the worker the newest picture of the slots, until it takes no more.
func (c *child) talk() {
	for {
		select {
		case <-c.wake:
		case <-c.ended:
			return
		}
		_ = c.socket.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if writeFrame(c.socket, frameSlots, *c.news.Load()) != nil {
			return
		}
		if c.replaced.Load() {
			_ = writeFrame(c.socket, frameReplace, nil)
			return
		}
	}
}

// bury reaps the worker when it has ended and all that it said was heard.
func (s *Supervisor) bury(c *child, heard <-chan struct{}) {
	state, err := c.process.Wait()
	if err != nil {
		s.o.Log.Error("a worker's end is not known", "slot", c.slot, "pid", c.pid, "error", err)
	}
	// A process of the worker's own that it left behind may hold the socket open.
	_ = c.socket.SetReadDeadline(time.Now().Add(time.Second))
	<-heard
	_ = c.socket.Close()
	s.mu.Lock()
	delete(s.children, c)
	s.mu.Unlock()
	s.o.Ended(c.slot, c.pid)
	c.state = state
	close(c.ended)
}

// changed has the worker told.
func (c *child) changed() {
	select {
	case c.wake <- struct{}{}:
	default: // it has not been told of the last change, and will hear of both
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
