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

// launch starts the server and returns when it answers. The channel is closed when it has
// ended; the end of running stops it.
func (s *server) launch(ctx, running context.Context) (exited <-chan struct{}, err error) {
	pidLock, err := s.takeOver(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = pidLock.Close() }()      // from then on the server's own copy counts
	if err := pidLock.Truncate(0); err != nil { // an old number must not outlive its server
		return nil, err
	}
	argv, err := s.prepare(ctx, pidLock)
	if err != nil {
		return nil, err
	}
	logs, err := s.layout.open(s.name()+".log", os.O_WRONLY|os.O_TRUNC|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	defer func() { _ = logs.Close() }()

	cmd := exec.CommandContext(running, argv[0], argv[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(s.stopSignal()) }
	cmd.WaitDelay = stopLimit
	cmd.Dir, cmd.Env, cmd.SysProcAttr = s.layout.dir, serverEnvironment(), s.layout.who.attr()
	cmd.Stdout, cmd.Stderr = logs, logs
	cmd.ExtraFiles = []*os.File{pidLock}
	endWithParent(cmd.SysProcAttr, s.stopSignal())
	s.cmd = cmd
	exited, err = startOnOwnThread(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name(), err)
	}
	// For whoever finds the server orphaned.
	_, err = pidLock.WriteString(strconv.Itoa(cmd.Process.Pid) + "\n")
	if err == nil {
		err = s.await(ctx, exited)
	}
	if err != nil {
		s.cancel()
		<-exited
		return nil, err
	}
	return exited, nil
}

// takeOver returns once no server of an earlier owner is left. One that outlived
// its owner is told to end, never adopted: on Linux it has been told already
// and may still answer for a moment, elsewhere nobody would end it if we were killed.
func (s *server) takeOver(ctx context.Context) (*os.File, error) {
	for told := false; ; told = true {
		pidLock, err := s.layout.lock(s.name() + ".pid")
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return pidLock, err
		}
		path := s.layout.path(s.name() + ".pid")
		if text, _ := os.ReadFile(path); !told {
			// The number is right, because the file's lock says that the server lives.
			if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && pid > 1 {
				_ = syscall.Kill(pid, s.stopSignal()) // whether it worked shows in the lock
			}
		}
		if !sleep(ctx, pollInterval) {
			return nil, fmt.Errorf("wait for an earlier %s to end, whose process id is in %s: %w",
				s.name(), path, context.Cause(ctx))
		}
	}
}

// startOnOwnThread starts the process on a thread that lives as long as the process
// does: the kernel takes the death of the thread that forked for the parent's.
func startOnOwnThread(cmd *exec.Cmd) (exited <-chan struct{}, err error) {
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its state is in cmd.ProcessState
			close(ended)
		}
	}()
	return ended, <-started
}

// await returns once the server answers, or says why it never will.
func (s *server) await(ctx context.Context, exited <-chan struct{}) error {
	for {
		err := s.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("%s ended at once (%s); the end of %s:\n%s",
				s.name(), s.cmd.ProcessState, s.layout.path(s.name()+".log"), s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %w", s.name(), context.Cause(ctx), err)
		case <-time.After(pollInterval):
		}
	}
}

func (s *server) logTail() string {
	text, err := os.ReadFile(s.layout.path(s.name() + ".log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

func (s *server) pid() int { return s.cmd.Process.Pid }
