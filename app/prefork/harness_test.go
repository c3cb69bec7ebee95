//go:build unix

package prefork_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/prefork"
)

// waitLimit bounds every wait; to run into it means to hang.
const waitLimit = 60 * time.Second

// tiny is the running service.
type tiny struct {
	t             *testing.T
	cmd           *exec.Cmd
	url, slotsURL string
	done          chan struct{} // closed when it has ended
	all           chan struct{} // closed when all output is here, that of its workers too

	mu     sync.Mutex
	output bytes.Buffer
}

// ready starts tiny, with settings of the form NAME=value, and waits for its three workers.
func ready(t *testing.T, settings ...string) *tiny {
	t.Helper()
	p := start(t, nil, settings...)
	p.allReady()
	return p
}

// start starts tiny, by a wrapper if there is one, and waits until it listens.
func start(t *testing.T, wrapper []string, settings ...string) *tiny {
	t.Helper()
	t.Parallel() // these tests wait more than they work
	command := append(slices.Clone(wrapper), os.Args[0])
	p := &tiny{t: t, cmd: exec.Command(command[0], command[1:]...), done: make(chan struct{}), all: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), tinyVariable + "=1", "GORACE=atexit_sleep_ms=10"}, settings...)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = writer, writer
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	go func() {
		defer close(p.all)
		defer reader.Close()
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			p.mu.Lock()
			p.output.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
		}
	}()
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	listening := regexp.MustCompile(`listening address=(\S+) slots=(\S+)`)
	p.eventually("it listens", func() bool { return listening.MatchString(p.said()) })
	addresses := listening.FindStringSubmatch(p.said())
	p.url, p.slotsURL = "http://"+addresses[1], "http://"+addresses[2]
	return p
}

func (p *tiny) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

func (p *tiny) says(text string) {
	p.t.Helper()
	p.eventually("it says "+text, func() bool { return strings.Contains(p.said(), text) })
}

func (p *tiny) eventually(what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(waitLimit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	p.t.Fatalf("it never came about that %s:\n%s", what, p.said())
}

func (p *tiny) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// exit waits for the end of all processes and wants the exit status.
func (p *tiny) exit(want int) {
	p.t.Helper()
	for _, end := range []chan struct{}{p.done, p.all} {
		select {
		case <-end:
		case <-time.After(waitLimit):
			p.t.Fatalf("it does not end:\n%s", p.said())
		}
	}
	if code := p.cmd.ProcessState.ExitCode(); code != want {
		p.t.Errorf("it ends with %d:\n%s", code, p.said())
	}
}

// get makes a request on a connection of its own.
func (p *tiny) get(path string) (string, error) {
	return read(p.url + path)
}

func read(url string) (string, error) {
	body, err := open(url)
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	return string(text), err
}

func open(url string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Close = true
	response, err := (&http.Client{Timeout: waitLimit}).Do(request)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// slow makes a request that takes that long, and returns the process that has accepted
// it, and what waits for the rest of the answer.
func (p *tiny) slow(takes string) (pid int, rest func() error) {
	p.t.Helper()
	body, err := open(p.url + "/slow?for=" + takes)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { body.Close() })
	if _, err := fmt.Fscanln(body, &pid); err != nil {
		p.t.Fatal(err)
	}
	return pid, func() error {
		text, err := io.ReadAll(body)
		if err == nil && string(text) != "done" {
			return fmt.Errorf("the answer ends with %q", text)
		}
		return err
	}
}

func (p *tiny) slots() (slots []prefork.Slot) {
	body, err := read(p.slotsURL)
	if err != nil {
		return nil
	}
	if err := json.Unmarshal([]byte(body), &slots); err != nil {
		p.t.Fatalf("the slots are %q: %v", body, err)
	}
	return slots
}

// allReady waits until every slot is ready, and returns the processes in them.
func (p *tiny) allReady() (pids []int) {
	p.t.Helper()
	p.eventually("all workers are ready", func() bool {
		pids = pids[:0]
		for _, slot := range p.slots() {
			if slot.State == prefork.Ready {
				pids = append(pids, slot.PID)
			}
		}
		return len(pids) == 3
	})
	return pids
}

func (p *tiny) restarts() (sum int) {
	for _, slot := range p.slots() {
		sum += slot.Restarts
	}
	return sum
}

// touch makes a file.
func touch(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "flag")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
