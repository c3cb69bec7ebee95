package main_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

var (
	supervisingAt = regexp.MustCompile(`msg=supervising address=(\S+)`)
	becameReady   = regexp.MustCompile(`msg="a worker is ready" worker=\d+ pid=(\d+)`)
)

// startPrefork runs `prefab serve` with three workers and waits until all are ready.
func startPrefork(t *testing.T, settings ...string) *process {
	t.Helper()
	return supervised(t, launch(t, checkout(t), nil, append(settings, "PREFORK=true", "WORKERS=3")...))
}

func supervised(t *testing.T, p *process) *process {
	t.Helper()
	eventually(t, "three workers are ready", func() bool { return len(p.readied()) >= 3 })
	p.URL = "http://" + supervisingAt.FindStringSubmatch(p.said())[1]
	p.allReady()
	return p
}

// readied returns the processes that have become ready, the oldest first.
func (p *process) readied() (pids []int) {
	for _, match := range becameReady.FindAllStringSubmatch(p.said(), -1) {
		pid, err := strconv.Atoi(match[1])
		if err != nil {
			p.t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func (p *process) allReady() {
	p.t.Helper()
	eventually(p.t, "every worker is ready", func() bool {
		status, body := p.get("/health/ready")
		return status == http.StatusOK && body == `{"status":"ready"}`
	})
}

// load asks on kept connections until stopped, and returns what failed.
func (p *process) load(clients int, paths ...string) (stop func() (served int, failed []string)) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed []string
	served := 0
	end := make(chan struct{})
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	client := &http.Client{Transport: transport, Timeout: waitLimit}
	for i := range clients {
		all.Go(func() {
			for n := i; ; n++ {
				select {
				case <-end:
					return
				default:
				}
				problem := ask(client, p.URL+paths[n%len(paths)])
				mu.Lock()
				if served++; problem != "" {
					failed = append(failed, problem)
				}
				mu.Unlock()
			}
		})
	}
	return func() (int, []string) {
		close(end)
		all.Wait()
		transport.CloseIdleConnections()
		return served, failed
	}
}

func ask(client *http.Client, url string) (problem string) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err.Error()
	}
	if response.StatusCode != http.StatusOK {
		return response.Status
	}
	return ""
}

func TestPrefork_RollingRestartFailsNoRequest(t *testing.T) {
	_, settings := configured(t)
	p := startPrefork(t, append(settings, "SHUTDOWN_DELAY=2s")...)
	stop := p.load(8, "/login", "/health", "/health/ready", "/openapi.json")
	for range 3 {
		before := len(p.readied())
		p.signal(syscall.SIGHUP)
		eventually(t, "all are replaced", func() bool { return len(p.readied()) == before+3 })
		eventually(t, "the roll is over", func() bool {
			return strings.Count(p.said(), "the workers are replaced") == (before+3)/3-1
		})
	}
	if served, failed := stop(); len(failed) > 0 || served == 0 {
		t.Errorf("of %d requests %d failed, the first with %s", served, len(failed), failed[:min(1, len(failed))])
	}
}

func TestPrefork_RefusesATakenPort(t *testing.T) {
	_, settings := configured(t)
	p := startPrefork(t, settings...)
	port := p.URL[strings.LastIndex(p.URL, ":")+1:]
	second := launch(t, checkout(t), nil, append(settings, "PREFORK=true", "PORT="+port)...)
	if code := second.exit(); code != 1 {
		t.Errorf("the second copy ends with %d", code)
	}
	eventually(t, "it says why", func() bool { return strings.Contains(second.said(), "is taken by another program") })
}

func TestPrefork_RunsOnABareCheckout(t *testing.T) {
	p := startPrefork(t)
	p.serves()
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != 0 {
		t.Errorf("it ends with %d:\n%s", code, p.said())
	}
}

// processesBelow returns the children of a process, on Linux.
func processesBelow(t *testing.T, parent int) (children []int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", parent))
	if err != nil {
		t.Fatal(err)
	}
	for child := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(child)
		if err != nil {
			t.Fatal(err)
		}
		children = append(children, pid)
	}
	if len(children) == 0 {
		t.Fatalf("process %d has no children", parent)
	}
	return children
}
