//go:build linux

package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func (p *process) dial() net.Conn {
	p.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	return c
}

// heap is what the Go runtime holds for the heap, in MiB.
func (p *process) heap() float64 {
	p.t.Helper()
	var health struct{ Memory struct{ HeapTotal float64 } }
	_, body := p.get("/health")
	if err := json.Unmarshal([]byte(body), &health); err != nil || health.Memory.HeapTotal == 0 {
		p.t.Fatalf("/health says %s: %v", body, err)
	}
	return health.Memory.HeapTotal
}

// docs/operations.md tells how much a connection takes.
func TestServe_AnnouncedBodiesTakeNoMemory(t *testing.T) {
	const clients = 1000
	_, settings := configured(t)
	p := start(t, checkout(t), append(settings, "READ_TIMEOUT=1m")...)
	before := p.heap()
	for range clients {
		// The length is one that the route takes: what is refused would take nothing anyway.
		_, err := io.WriteString(p.dial(), "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
			"Content-Length: 32000\r\n\r\n"+strings.Repeat("x", 130))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(p.dial(), "PATCH /api/v1/products/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1048000\r\n\r\n"+strings.Repeat("x", 130))
		if err != nil {
			t.Fatal(err)
		}
	}
	if status, _ := p.get("/health/live"); status != http.StatusOK {
		t.Errorf("it answers %d", status)
	}
	if grown := p.heap() - before; grown > 2*clients*0.05 {
		t.Errorf("%d connections made the heap grow by %.0f MiB", 2*clients, grown)
	}
}

func TestServe_GoesOnWithoutFileDescriptors(t *testing.T) {
	_, settings := configured(t)
	p := start(t, checkout(t), append(settings, "READ_TIMEOUT=1m")...)
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	few := &unix.Rlimit{Cur: uint64(len(files) + 5), Max: uint64(len(files) + 5)}
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, few, nil); err != nil {
		t.Fatal(err)
	}
	var clients []net.Conn
	for range 20 {
		c := p.dial() // the system takes it, and the service later
		if _, err := io.WriteString(c, "GET /health/live HTTP/1.1\r\n"); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	const message = "cannot accept connections for now; trying again"
	eventually(t, "it says so", func() bool { return strings.Contains(p.said(), message) })
	for _, c := range clients {
		c.Close()
	}
	if status, body := p.get(firstPage); status != http.StatusOK {
		t.Errorf("then it answers %d %s", status, body)
	}
	if n := strings.Count(p.said(), message); n != 1 {
		t.Errorf("it says so %d times", n)
	}
	if failures := counts(p.scrape())["prefab_http_accept_failures_total"]; failures < 1 {
		t.Errorf("%g failures are counted", failures)
	}
}

func TestServe_TakesNoMoreConnectionsThanFiles(t *testing.T) {
	_, settings := configured(t)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	above := fmt.Sprintf("MAX_CONNECTIONS=%d", min(limit.Max, 1_000_000))
	if limit.Max > 1_000_000 {
		t.Skip("there is no setting above the limit on open files")
	}
	p := start(t, checkout(t), append(settings, above)...)
	if !strings.Contains(p.said(), "the limit on open files is too low for MAX_CONNECTIONS") {
		t.Errorf("it does not say so:\n%s", p.said())
	}
}

// admin asks at ADMIN_ADDR.
func (p *process) admin(path string) (int, string) {
	p.t.Helper()
	service := p.URL
	defer func() { p.URL = service }()
	p.URL = strings.TrimSuffix(metricsAt.FindStringSubmatch(p.said())[1], "/metrics")
	status, body := p.get(path)
	return status, strings.TrimSpace(body)
}

func TestServe_ProbesAtTheAdminAddressAnswerWhateverClientsDo(t *testing.T) {
	_, settings := configured(t)
	p := start(t, checkout(t), append(settings, "MAX_CONNECTIONS=1", "READ_TIMEOUT=1m")...)
	c := p.dial()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all connections are taken", func() bool { status, _ := p.get("/health/live"); return status != http.StatusOK })
	for path, want := range map[string]string{"/health/live": `{"status":"live"}`, "/health/ready": `{"status":"ready"}`} {
		if status, body := p.admin(path); status != http.StatusOK || body != want {
			t.Errorf("%s says %d %s", path, status, body)
		}
	}
}

func TestPrefork_ProbesAtTheAdminAddressKnowTheWorkers(t *testing.T) {
	_, settings := configured(t)
	p := startPrefork(t, append(settings, "SHUTDOWN_DELAY=3s")...)
	says := func(status int, text string) func() bool {
		return func() bool {
			got, body := p.admin("/health/ready")
			return got == status && body == text
		}
	}
	eventually(t, "it is ready", says(http.StatusOK, `{"status":"ready"}`))
	victim := p.readied()[0]
	if err := syscall.Kill(victim, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if status, body := p.admin("/health/live"); status != http.StatusOK || body != `{"status":"live"}` {
		t.Errorf("/health/live says %d %s", status, body)
	}
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a worker is missed", says(http.StatusOK, `{"degraded":["workers"],"status":"ready"}`))
	eventually(t, "it is back", says(http.StatusOK, `{"status":"ready"}`))
	p.signal(syscall.SIGTERM)
	eventually(t, "it drains", says(http.StatusServiceUnavailable, `{"status":"draining"}`))
	if code := p.exit(); code != 0 {
		t.Errorf("it ends with %d", code)
	}
}

func TestPrefork_ProbesAtTheAdminAddressNameWhatIsAway(t *testing.T) {
	_, settings := configured(t)
	p := launch(t, checkout(t), nil, append(settings, "PREFORK=true", "WORKERS=2", "REDIS_URL=redis://127.0.0.1:1", "START_TIMEOUT=1s")...)
	eventually(t, "it says that Redis is away", func() bool {
		if metricsAt.FindString(p.said()) == "" {
			return false
		}
		status, body := p.admin("/health/ready")
		return status == http.StatusOK && body == `{"degraded":["redis"],"status":"ready"}`
	})
}
