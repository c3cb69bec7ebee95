//go:build unix

package devservices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	pollInterval = 10 * time.Millisecond

	// guestAnswers is how many answers make a guest trust an owner: one that was just
	// killed still has its lock, and its server, for some milliseconds.
	guestAnswers = 10

	// A server is started again after firstPause, which doubles up to maxPause, until
	// it has run for steady.
	firstPause = 100 * time.Millisecond
	maxPause   = 30 * time.Second
	steady     = 10 * time.Second

	// stopLimit is how long a server may take to stop until it is killed.
	stopLimit = 10 * time.Second

	maxLog = 1 << 20 // bytes, when a server starts
)

// daemon is a kind of server.
type daemon interface {
	name() string
	stopSignal() syscall.Signal
	// prepare is called by the owner alone, while no server runs. What it
	// starts must inherit the file, or end before it returns.
	prepare(ctx context.Context, pidLock *os.File) (argv []string, err error)
	answers(ctx context.Context) error // nil once it serves
}

// server keeps a daemon running that this process owns, until it is told to stop.
//
// Two locks tell apart what a process id or a socket cannot. NAME.lock is held by
// the owner. NAME.pid is inherited by the server and all its children, so that it
// is held exactly while one of them lives, however their parent died and
// whoever has got their process ids since.
type server struct {
	daemon
	layout layout
	log    *slog.Logger
	owner  *os.File                 // NAME.lock
	cmd    atomic.Pointer[exec.Cmd] // the latest

	stopping context.Context
	cancel   context.CancelFunc
	stopped  chan struct{} // closed once all has ended
}

// startServer makes the server answer. The result is nil if another process owns it.
func startServer(ctx context.Context, d daemon, p layout, o Options) (*server, error) {
	owner, err := claim(ctx, d, p)
	if err != nil {
		return nil, err
	}
	if owner == nil {
		o.Log.Info("using a server that another process of this checkout runs", "server", d.name())
		return nil, nil
	}
	s := &server{daemon: d, layout: p, log: o.Log, owner: owner, stopped: make(chan struct{})}
	s.stopping, s.cancel = context.WithCancel(context.Background())
	exited, err := s.launch(ctx)
	if err != nil {
		s.cancel()
		return nil, errors.Join(err, owner.Close())
	}
	go func() {
		defer close(s.stopped)
		defer func() { _ = owner.Close() }()
		if o.Disposable { // a test says when a server is back that it has killed
			<-exited
			return
		}
		s.supervise(exited)
	}()
	return s, nil
}

// claim makes this process the owner of a server, which it stays until it
// closes the file or dies. While another process is the owner, it waits for
// that one's server to answer and returns nil.
func claim(ctx context.Context, d daemon, p layout) (*os.File, error) {
	for answered := 0; answered < guestAnswers; {
		owner, err := p.lock(d.name() + ".lock")
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return owner, err
		}
		if err = d.answers(ctx); err == nil {
			answered++
		}
		if !sleep(ctx, pollInterval) {
			return nil, fmt.Errorf("another process of this checkout is to run %s, and it does not answer: %w: %w",
				d.name(), context.Cause(ctx), err)
		}
	}
	return nil, nil
}

// supervise starts the server again whenever it ends by itself.
func (s *server) supervise(exited <-chan struct{}) {
	pause := firstPause
	for {
		if exited != nil {
			began := time.Now()
			<-exited
			if s.stopping.Err() != nil {
				return
			}
			s.log.Error("an embedded server ended by itself: starting it again", "server", s.name(),
				"state", s.cmd.Load().ProcessState.String(), "log", s.layout.path(s.name()+".log"))
			if time.Since(began) > steady {
				pause = firstPause
			}
		}
		if !sleep(s.stopping, pause) {
			return
		}
		pause = min(2*pause, maxPause)
		if !s.stillOwner() {
			s.log.Error("an embedded server is not started again: its folder was removed while it ran; "+
				"start the program again", "server", s.name(), "folder", s.layout.dir)
			return
		}
		var err error
		if exited, err = s.launch(s.stopping); err != nil && s.stopping.Err() == nil {
			s.log.Error("an embedded server could not be started again; still trying", "server", s.name(), "error", err)
		}
	}
}

// stillOwner is false where the folder has been removed, and perhaps made
// again: what is there then belongs to nobody, or to another process.
func (s *server) stillOwner() bool {
	ours, _ := s.owner.Stat() // of an open file: it does not fail
	there, err := os.Stat(s.owner.Name())
	return err == nil && os.SameFile(ours, there)
}

// launch starts the server once and returns when it answers. The channel is closed
// when it has ended.
func (s *server) launch(ctx context.Context) (exited <-chan struct{}, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
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
	logs, err := s.openLog()
	if err != nil {
		return nil, err
	}
	defer func() { _ = logs.Close() }()

	running, stop := context.WithCancel(s.stopping)
	cmd := exec.CommandContext(running, argv[0], argv[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(s.stopSignal()) }
	cmd.WaitDelay = stopLimit
	cmd.Dir, cmd.Env, cmd.SysProcAttr = s.layout.dir, serverEnvironment(), s.layout.who.attr()
	cmd.Stdout, cmd.Stderr = logs, logs
	cmd.ExtraFiles = []*os.File{pidLock}
	endWithParent(cmd.SysProcAttr, s.stopSignal())
	exited, err = startOnOwnThread(cmd, stop)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name(), err)
	}
	// For whoever finds the server orphaned.
	_, err = pidLock.WriteString(strconv.Itoa(cmd.Process.Pid) + "\n")
	if err == nil {
		err = s.await(ctx, cmd, exited)
	}
	if err != nil {
		stop()
		<-exited
		return nil, err
	}
	s.cmd.Store(cmd)
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
func startOnOwnThread(cmd *exec.Cmd, release func()) (exited <-chan struct{}, err error) {
	started, ended := make(chan error), make(chan struct{})
	go func() {
		defer release()
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
func (s *server) await(ctx context.Context, cmd *exec.Cmd, exited <-chan struct{}) error {
	for {
		err := s.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("%s ended at once (%s); the end of %s:\n%s",
				s.name(), cmd.ProcessState, s.layout.path(s.name()+".log"), s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %w", s.name(), context.Cause(ctx), err)
		case <-time.After(pollInterval):
		}
	}
}

// openLog keeps what earlier runs said, which may tell why they ended, until the
// log is long.
func (s *server) openLog() (*os.File, error) {
	f, err := s.layout.open(s.name()+".log", os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Size() > maxLog {
		_ = f.Truncate(0)
	}
	return f, nil
}

func (s *server) logTail() string {
	text, err := os.ReadFile(s.layout.path(s.name() + ".log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

func (s *server) pid() int { return s.cmd.Load().Process.Pid }

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
