//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// What the program's supervisor says in the log, see app/prefork.
const (
	rolled     = "the workers are replaced"
	rollFailed = "a worker could not be replaced"
)

// service is the running program: the supervisor, which has workers. A nil service is one
// that has neither problems nor an end.
type service struct {
	command *exec.Cmd
	problem chan string
	ended   chan error
	rolls   chan time.Time // when the change was saved, of a roll that begins
	failed  bool           // the newest roll has; what runs is older than the program's file
}

func startService(environ []string) (*service, error) {
	s := &service{
		// Until the supervisor runs, a SIGHUP must not end the program.
		command: exec.Command("sh", "-c", `trap "" HUP; exec "$0" serve`, program), //nolint:noctx // stop ends it
		problem: make(chan string, 1), ended: make(chan error, 1), rolls: make(chan time.Time, 8),
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.command.Env, s.command.Stdout, s.command.Stderr = environ, writer, writer
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's signals are for us alone
	err = s.command.Start()
	_ = writer.Close()
	if err != nil {
		_ = reader.Close()
		return nil, err
	}
	go s.follow(reader)
	go func() { s.ended <- s.command.Wait() }()
	return s, nil
}

// keptLines is how much of the log tells why a worker does not start.
const keptLines = 30

// follow passes the log on, and finds out how rolls end.
func (s *service) follow(output io.ReadCloser) {
	defer output.Close()
	var since []string // lines since the roll began
	var saved time.Time
	for log := bufio.NewReader(output); ; {
		line, err := log.ReadString('\n')
		if line != "" {
			_, _ = os.Stdout.WriteString(line)
		}
		if err != nil {
			return
		}
		select {
		case saved = <-s.rolls:
			since = nil
		default:
		}
		if !strings.Contains(line, "msg=request ") {
			since = append(since, line)
			since = since[max(0, len(since)-keptLines):]
		}
		switch {
		case strings.Contains(line, rolled):
			say(fmt.Sprintf("serving %s after the save", time.Since(saved).Round(10*time.Millisecond)))
		case strings.Contains(line, rollFailed):
			select {
			case s.problem <- strings.Join(since, ""):
			default: // the one before is not told yet
			}
		}
	}
}

func (s *service) problems() <-chan string {
	if s == nil {
		return nil
	}
	return s.problem
}

func (s *service) end() <-chan error {
	if s == nil {
		return nil
	}
	return s.ended
}

// roll makes the supervisor replace its workers by ones of the newest program.
func (s *service) roll(saved time.Time) {
	s.failed = false
	s.rolls <- saved
	_ = s.command.Process.Signal(syscall.SIGHUP) // it may have ended, which is told then
}

// stop lets the service drain, and waits for its end.
func (s *service) stop() {
	if s == nil {
		return
	}
	_ = s.command.Process.Signal(syscall.SIGTERM)
	if err := <-s.ended; err != nil {
		say("the service ended with: " + err.Error())
	}
}
