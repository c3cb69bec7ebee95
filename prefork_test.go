package main_test

import (
	"io"
	"net/http"
	"path/filepath"
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
		status, body := p.admin("/health/ready")
		return status == http.StatusOK && body == `{"status":"ready"}`
	})
}

// load makes requests on kept connections until stopped, and returns what failed. A
// request is "path", or "path body" of a POST that is to be answered by 400.
func load(url string, clients int, requests ...string) (stop func() (served int, failed []string)) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed []string
	served := 0
	end := make(chan struct{})
	for i := range clients {
		all.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: waitLimit}
			defer client.CloseIdleConnections()
			for n := i; ; n++ {
				select {
				case <-end:
					return
				default:
				}
				problem := ask(client, url, requests[n%len(requests)])
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
		return served, failed
	}
}

func ask(client *http.Client, url, request string) (problem string) {
	var response *http.Response
	var err error
	want := http.StatusOK
	if path, body, isPost := strings.Cut(request, " "); isPost {
		want = http.StatusBadRequest
		response, err = client.Post(url+path, "application/json", strings.NewReader(body))
	} else {
		response, err = client.Get(url + path)
	}
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err.Error()
	}
	if response.StatusCode != want {
		return request + ": " + response.Status
	}
	return ""
}

func TestPrefork_RollingRestartFailsNoRequest(t *testing.T) {
	_, settings := configured(t)
	p := startPrefork(t, append(settings, "SHUTDOWN_DELAY=1s")...)
	stop := load(p.URL, 8, "/login", "/health", "/health/ready", "/openapi.json")
	p.signal(syscall.SIGHUP)
	p.says("the workers are replaced")
	if served, failed := stop(); len(failed) > 0 || served == 0 {
		t.Errorf("of %d requests %d failed, the first with %s", served, len(failed), failed[:min(1, len(failed))])
	}
	if n := len(p.readied()); n != 6 {
		t.Errorf("%d workers were started", n)
	}
}

// A worker with a role of its own would open another port, or more connections than its part.
func TestPrefork_WorkersKeepTheirRoleWhenTheSettingsFileChanges(t *testing.T) {
	_, settings := configured(t)
	dir := checkout(t)
	file := filepath.Join(dir, ".env")
	write(t, file, strings.Join(append(settings, "PREFORK=true", "WORKERS=3"), "\n"))
	p := supervised(t, launch(t, dir, nil))
	write(t, file, "PREFORK=false\nWORKERS=1\nDATABASE_URL=postgres://127.0.0.1:1/none\nREDIS_URL=redis://127.0.0.1:1\nHEALTH_MAX_HEAP_MB=1\n")
	p.signal(syscall.SIGHUP)
	eventually(t, "the roll is over", func() bool { return strings.Contains(p.said(), "the workers are replaced") })
	eventually(t, "a worker that has read the file answers", func() bool {
		status, body := p.adminHealth()
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"database":"ok","redis":"ok"`) &&
			strings.Contains(body, `"workers":{"ready":3,"all":3}`)
	})
	if last := p.readied(); len(last) != 6 {
		t.Errorf("%d workers have been started, not twice three", len(last))
	}
}
