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
	"testing"

	"golang.org/x/sys/unix"
)

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
	const clients = 2000
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
	}
	if status, _ := p.get("/health/live"); status != http.StatusOK {
		t.Errorf("it answers %d", status)
	}
	if grown := p.heap() - before; grown > clients*0.05 {
		t.Errorf("%d connections made the heap grow by %.0f MiB", clients, grown)
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
	if status, body := p.get("/login"); status != http.StatusOK {
		t.Errorf("then it answers %d %s", status, body)
	}
	if n := strings.Count(p.said(), message); n != 1 {
		t.Errorf("it says so %d times", n)
	}
	if failures := counts(p.scrape())["prefab_http_accept_failures_total"]; failures < 1 {
		t.Errorf("%g failures are counted", failures)
	}
}
