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
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/prefork"
)

// patience bounds every wait; to run into it means to hang.
const patience = 60 * time.Second

var tinyBinary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "prefab-tiny-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	tinyBinary = filepath.Join(dir, "tiny")
	if out, err := exec.Command("go", "build", "-race", "-o", tinyBinary, "./testdata/tiny").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build tiny: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// tiny is the running service.
type tiny struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	done chan struct{} // closed when it has ended
	all  chan struct{} // closed when all output is here, that of its workers too

	mu     sync.Mutex
	output bytes.Buffer
}

// start starts tiny on a free port, with settings of the form NAME=value.
func start(t *testing.T, settings ...string) *tiny {
	t.Helper()
	p := launch(t, nil, settings...)
	p.eventually("it listens", func() bool { return p.match(`listening address=(\S+)`) != "" })
	p.url = "http://" + p.match(`listening address=(\S+)`)
	return p
}

// ready starts tiny and waits for its three workers.
func ready(t *testing.T, settings ...string) *tiny {
	t.Helper()
	p := start(t, settings...)
	p.allReady()
	return p
}

func launch(t *testing.T, wrapper []string, settings ...string) *tiny {
	t.Helper()
	command := append(slices.Clone(wrapper), tinyBinary)
	p := &tiny{t: t, cmd: exec.Command(command[0], command[1:]...), done: make(chan struct{}), all: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "ADDRESS=127.0.0.1:0"}, settings...)
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
	return p
}

func (p *tiny) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// match returns what the pattern's group last matched of the output.
func (p *tiny) match(pattern string) string {
	all := regexp.MustCompile(pattern).FindAllStringSubmatch(p.said(), -1)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1][1]
}

func (p *tiny) eventually(what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	p.t.Fatalf("it never came about that %s:\n%s", what, p.said())
}

func (p *tiny) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

func (p *tiny) exit() int {
	p.t.Helper()
	for _, end := range []chan struct{}{p.done, p.all} {
		select {
		case <-end:
		case <-time.After(patience):
			p.t.Fatalf("it does not end:\n%s", p.said())
		}
	}
	return p.cmd.ProcessState.ExitCode()
}

// get asks on a connection of its own.
func (p *tiny) get(path string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
	if err != nil {
		return "", err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func (p *tiny) slots() []prefork.Slot {
	body, err := p.get("/slots")
	if err != nil {
		return nil
	}
	var slots []prefork.Slot
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

// servedBy answers from a process that is told by its answer.
func (p *tiny) servedBy() int {
	body, err := p.get("/pid")
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(body)
	if err != nil {
		p.t.Fatalf("/pid answers %q", body)
	}
	return pid
}

// touch makes a file and returns its path, and how to remove it.
func touch(t *testing.T) (path string, remove func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "flag")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, func() { _ = os.Remove(path) }
}

func (p *tiny) say(word string) {
	if _, err := p.get("/say?word=" + url.QueryEscape(word)); err != nil {
		p.t.Fatal(err)
	}
}
