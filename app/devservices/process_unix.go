//go:build unix

package devservices

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const maxLog = 1 << 20 // bytes, when a server starts

// stopSignal is one step of ending a server: a signal, and how long it may take effect.
type stopSignal struct {
	signal syscall.Signal
	grace  time.Duration
}

// process is one run of a server.
type process struct {
	name        string
	cmd         *exec.Cmd
	stopSignals []stopSignal
	done        chan struct{} // closed when it has ended
}

// launch starts a server that inherits the lock: see [claim].
func launch(d daemon, argv []string, p layout, pidLock *os.File) (*process, error) {
	logs, err := openLog(p, d.name())
	if err != nil {
		return nil, err
	}
	defer func() { _ = logs.Close() }()

	s := &process{name: d.name(), stopSignals: d.stopSignals(), done: make(chan struct{})}
	s.cmd = exec.Command(argv[0], argv[1:]...)
	s.cmd.Dir = p.dir
	s.cmd.Env = serverEnvironment()
	s.cmd.Stdout, s.cmd.Stderr = logs, logs
	s.cmd.ExtraFiles = []*os.File{pidLock}
	s.cmd.SysProcAttr = p.who.attr()
	endWithParent(s.cmd.SysProcAttr, s.stopSignals[0].signal)
	if err := pidLock.Truncate(0); err != nil { // an old number must not outlive its server
		return nil, fmt.Errorf("clear the process id: %w", err)
	}
	if err := s.fork(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	// For whoever finds the server orphaned.
	if _, err := pidLock.WriteAt([]byte(strconv.Itoa(s.pid())+"\n"), 0); err != nil {
		return nil, errors.Join(fmt.Errorf("note the process id: %w", err), s.stop(context.Background()))
	}
	return s, nil
}

// fork starts the process on a thread that lives as long as the process does:
// the kernel takes the death of the thread that forked for the parent's.
func (s *process) fork() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait() // its state is in s.cmd.ProcessState
			close(s.done)
		}
	}()
	return <-started
}

func (s *process) pid() int { return s.cmd.Process.Pid }

// await returns once the server answers, or says why it never will.
func (s *process) await(ctx context.Context, d daemon, p layout) error {
	for {
		err := d.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("%s ended at once (%s); the end of %s:\n%s",
				s.name, s.cmd.ProcessState, p.path(s.name+".log"), logTail(p, s.name))
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %w", s.name, context.Cause(ctx), err)
		case <-time.After(pollInterval):
		}
	}
}

// stop is gentle while the context lasts; force takes the time it needs.
func (s *process) stop(ctx context.Context) error {
	for i, f := range s.stopSignals {
		if err := s.cmd.Process.Signal(f.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop %s: %w", s.name, err)
		}
		if i > 0 {
			ctx = context.Background()
		}
		select {
		case <-s.done:
			return nil
		case <-ctx.Done():
		case <-time.After(f.grace):
		}
	}
	return fmt.Errorf("stop %s: process %d is still there after SIGKILL", s.name, s.pid())
}

// openLog keeps what earlier runs said, which may tell why they ended, until the
// log is long.
func openLog(p layout, name string) (*os.File, error) {
	path := p.path(name + ".log")
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND | syscall.O_NOFOLLOW
	if info, err := os.Lstat(path); err == nil && info.Size() > maxLog {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	if err := p.who.chown(path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func logTail(p layout, name string) string {
	text, err := os.ReadFile(p.path(name + ".log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}
