package main_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	supervisingAt = regexp.MustCompile(`msg=supervising address=(\S+)`)
	becameReady   = regexp.MustCompile(`msg="a worker is ready" slot=\d+ pid=(\d+)`)
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
	client := &http.Client{Transport: transport, Timeout: patience}
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

func TestPrefork_KilledWorkersAreReplaced(t *testing.T) {
	_, settings := configured(t)
	p := startPrefork(t, settings...)
	for range 5 {
		victims := p.readied()
		victim := victims[len(victims)-1]
		if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another has taken its place", func() bool { return len(p.readied()) > len(victims) })
		p.allReady()
	}
	var health struct {
		Status  string `json:"status"`
		Workers struct{ Ready, All int }
	}
	_, body := p.get("/health")
	if err := json.Unmarshal([]byte(body), &health); err != nil || health.Status != "ok" ||
		health.Workers.Ready != 3 || health.Workers.All != 3 {
		t.Errorf("/health says %s", body)
	}
}

func TestPrefork_RollingRestartFailsNoRequest(t *testing.T) {
	_, settings := configured(t)
	p := startPrefork(t, append(settings, "SHUTDOWN_DELAY=2s")...)
	stop := p.load(8, "/api/v1/products?limit=5", "/health", "/health/ready", "/api/v1/products/count")
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

func TestPrefork_SIGTERMDrainsAllWorkers(t *testing.T) {
	database, settings := configured(t)
	p := startPrefork(t, append(settings, "SHUTDOWN_DELAY=1s")...)
	unlock := lockProducts(t, database)
	slow := make(chan string, 1)
	go func() {
		status, body := p.get("/api/v1/products?limit=7")
		slow <- fmt.Sprint(status, " ", body)
	}()
	eventually(t, "the request waits for a lock", func() bool { return waiting(t, database) })
	p.signal(syscall.SIGTERM)
	eventually(t, "balancers are told", func() bool {
		status, body := p.get("/health/ready")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "draining")
	})
	unlock()
	if answer := <-slow; !strings.HasPrefix(answer, "200 ") {
		t.Errorf("the request under way gets %s", answer)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("it ends with %d:\n%s", code, p.said())
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

func TestPrefork_MigratesOnceAndSharesThePools(t *testing.T) {
	database, settings := configured(t)
	p := startPrefork(t, append(settings, "DATABASE_MAX_CONNS=6", "HTTP_CACHE_TTL=0s", "CACHE_L1_TTL=1ms")...)
	db, err := sql.Open("postgres", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	unlock := lockProducts(t, database)
	defer unlock()
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() { p.get("/api/v1/products?limit=" + strconv.Itoa(1+i)) })
	}
	var most int
	for range 50 {
		var n int
		err := db.QueryRow(`SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, n)
		time.Sleep(10 * time.Millisecond)
	}
	unlock()
	all.Wait()
	if most < 2 || most > 6 {
		t.Errorf("%d connections were in use at once, of 6", most)
	}
}

func TestPrefork_RunsOnABareCheckout(t *testing.T) {
	p := startPrefork(t)
	if status, body := p.get(firstPage); status != http.StatusOK {
		t.Errorf("the first page is %d %s", status, body)
	}
	if n := strings.Count(p.said(), "sample-admin-password"); n != 1 {
		t.Errorf("the welcome is printed %d times", n)
	}
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != 0 {
		t.Errorf("it ends with %d:\n%s", code, p.said())
	}
}

func TestPrefork_WorksAsProcessOne(t *testing.T) {
	if _, err := os.Stat("/proc/self/ns/pid"); err != nil {
		t.Skip("this system has no PID namespaces")
	}
	_, settings := configured(t)
	unshare := []string{"--pid", "--fork", "--mount-proc", "--kill-child", "--", binary}
	if os.Getuid() != 0 {
		unshare = append([]string{"--user", "--map-root-user"}, unshare...)
	}
	cmd := exec.Command("unshare", unshare...)
	p := follow(t, cmd, nil, checkout(t), append(settings, "PREFORK=true", "WORKERS=3"))
	eventually(t, "three workers are ready", func() bool { return len(p.readied()) >= 3 })
	p.URL = "http://" + supervisingAt.FindStringSubmatch(p.said())[1]
	p.allReady()
	stop := p.load(4, "/api/v1/products?limit=5")
	first := processesBelow(t, cmd.Process.Pid)[0]
	supervisor := processesBelow(t, first)[0]
	for _, victim := range processesBelow(t, supervisor)[:2] {
		before := len(p.readied())
		if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another has taken its place", func() bool { return len(p.readied()) > before })
	}
	stop() // what the victims had accepted may have failed
	if err := syscall.Kill(first, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("it ends with %d:\n%s", code, p.said())
	}
}

// processesBelow returns the children of a process.
func processesBelow(t *testing.T, parent int) (children []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		stat, _ := os.ReadFile(file) // it may have ended
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		children = append(children, pid)
	}
	slices.Sort(children)
	if len(children) == 0 {
		t.Fatalf("process %d has no children", parent)
	}
	return children
}
