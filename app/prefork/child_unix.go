//go:build unix

package prefork

import (
	"encoding/gob"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is a worker as its supervisor sees it.
type child struct {
	slot    int
	command *exec.Cmd
	socket  net.Conn
	questions

	ready chan struct{} // closed once it is
	ended chan struct{} // closed once the process is reaped; err is set then
	err   error         // how it ended, nil for its exit with 0
}

// spawn starts a worker.
func (s *Supervisor) spawn(slot int) (*child, error) {
	socket, workerSocket, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer workerSocket.Close()
	command := exec.Command(s.program) //nolint:gosec,noctx // it is this program; retire ends it
	command.Args = os.Args
	command.Env = append(os.Environ(), s.o.Env...)
	command.Env = append(command.Env, slotVariable+"="+strconv.Itoa(slot), fiberVariable)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.ExtraFiles = []*os.File{s.listener, workerSocket}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C is for the supervisor alone
	s.mu.Lock()                                               // the listener must not be closed meanwhile
	err = command.Start()
	s.mu.Unlock()
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("start %s: %w", s.program, err)
	}
	c := &child{
		slot: slot, command: command, socket: socket, ready: make(chan struct{}), ended: make(chan struct{}),
		questions: newQuestions(),
	}
	allRead := make(chan struct{})
	go func() { defer close(allRead); s.receive(c) }()
	go c.deliver()
	go s.reap(c, allRead)
	return c, nil
}

func socketPair() (socket net.Conn, workerSocket *os.File, err error) {
	syscall.ForkLock.RLock() // or a worker started meanwhile would inherit them
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(pair[0])
		unix.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("make a worker's socket: %w", err)
	}
	file := os.NewFile(uintptr(pair[0]), "worker")
	defer file.Close()
	workerSocket = os.NewFile(uintptr(pair[1]), "supervisor")
	socket, err = net.FileConn(file)
	if err != nil {
		_ = workerSocket.Close()
		return nil, nil, fmt.Errorf("use a worker's socket: %w", err)
	}
	return socket, workerSocket, nil
}

// receive handles the worker's messages until the worker closes its socket.
func (s *Supervisor) receive(c *child) {
	becomeReady := sync.OnceFunc(func() { close(c.ready) })
	for in := gob.NewDecoder(c.socket); ; {
		var m message
		if in.Decode(&m) != nil {
			return
		}
		switch {
		case m.Ready:
			becomeReady()
		case m.Question != 0:
			c.answered(m)
		default:
			s.o.Receive(c.slot, c.pid(), m.Body)
		}
	}
}

// reap waits for the worker's process, and then until all its messages are read.
func (s *Supervisor) reap(c *child, allRead <-chan struct{}) {
	c.err = c.command.Wait()
	// A child of the worker may have outlived it, and may hold the socket open.
	_ = c.socket.SetReadDeadline(time.Now().Add(time.Second))
	<-allRead
	_ = c.socket.Close()
	s.o.Ended(c.slot, c.pid())
	close(c.ended)
}

func (c *child) pid() int { return c.command.Process.Pid }

// replaced tells the worker that another one has taken its place. Call it once.
func (c *child) replaced() { c.outbox <- message{Replaced: true} }

func (c *child) signal(signal syscall.Signal) { _ = c.command.Process.Signal(signal) } // it may have ended
