//go:build unix

package prefork

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// ExitError is how the program under Init ended; 128 and the signal's number
// where one ended it.
type ExitError int

func (s ExitError) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// IsInit reports whether this is process 1, as a container's first process is:
// the kernel gives it every orphan, which it has to reap.
func IsInit() bool { return os.Getpid() == 1 }

// Init runs this program once more below process 1, passes signals on to it, and
// reaps whoever dies, until the program ends. Its status is the error, an
// ExitError, unless it is 0.
func Init() error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT,
		syscall.SIGUSR1, syscall.SIGUSR2)
	// In a group of its own, or a terminal's Ctrl-C would reach it twice.
	pid, err := syscall.ForkExec(program, os.Args, &syscall.ProcAttr{ //nolint:gosec // it is this program
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", program, err)
	}
	for received := range signals {
		if received != syscall.SIGCHLD {
			number, ok := received.(syscall.Signal)
			if ok {
				_ = syscall.Kill(pid, number)
			}
			continue
		}
		if status, ended := reap(pid); ended {
			return exitError(status)
		}
	}
	return nil
}

// reap takes the status of every process that has died, and returns the program's.
func reap(program int) (status syscall.WaitStatus, ended bool) {
	for {
		var one syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &one, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil || pid <= 0:
			return status, ended
		case pid == program && (one.Exited() || one.Signaled()):
			status, ended = one, true
		}
	}
}

func exitError(status syscall.WaitStatus) error {
	switch {
	case status.Signaled():
		return ExitError(128 + int(status.Signal()))
	case status.ExitStatus() != 0:
		return ExitError(status.ExitStatus())
	}
	return nil
}
