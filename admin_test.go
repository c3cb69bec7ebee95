//go:build unix

package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// admin makes a request at ADMIN_ADDR.
func (p *process) admin(path string) (int, string) {
	p.t.Helper()
	url := metricsAt.FindStringSubmatch(p.said())
	if url == nil {
		p.t.Fatalf("it does not say where its metrics are:\n%s", p.said())
	}
	admin := &process{t: p.t, URL: strings.TrimSuffix(url[1], "/metrics")}
	status, body := admin.get(path)
	return status, strings.TrimSpace(body)
}

// adminHealth returns the status of /health at ADMIN_ADDR, and its body if nothing lacks there.
func (p *process) adminHealth() (int, string) {
	status, body := p.admin("/health")
	var report map[string]any
	if err := json.Unmarshal([]byte(body), &report); err != nil {
		return status, ""
	}
	for _, name := range []string{"status", "timestamp", "uptime", "memory", "database", "redis", "environment"} {
		if report[name] == nil {
			return status, ""
		}
	}
	return status, body
}

func TestAdmin_AnswersInFullWhateverThePublicPortDoes(t *testing.T) {
	_, settings := configured(t)
	p := start(t, checkout(t), append(settings, "HEALTH_DETAIL=false", "HEALTH_MAX_HEAP_MB=1", "MAX_CONNECTIONS=1", "READ_TIMEOUT=1m")...)
	if _, err := io.WriteString(p.dial(), "GET / HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all connections are taken", func() bool { status, _ := p.get("/health/live"); return status != http.StatusOK })
	for path, want := range map[string]string{"/health/live": `{"status":"live"}`, "/health/ready": `{"status":"ready"}`} {
		if status, body := p.admin(path); status != http.StatusOK || body != want {
			t.Errorf("%s says %d %s", path, status, body)
		}
	}
	eventually(t, "the report is there", func() bool {
		status, body := p.adminHealth()
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"status":"error"`)
	})
}

func TestAdmin_ReportsAllWorkers(t *testing.T) {
	_, settings := configured(t)
	p := startPrefork(t, append(settings, "SHUTDOWN_DELAY=2s")...)
	healthy := func() bool {
		status, body := p.adminHealth()
		return status == http.StatusOK && strings.Contains(body, `"workers":{"ready":3,"all":3}`)
	}
	readiness := func(status int, text string) func() bool {
		return func() bool {
			got, body := p.admin("/health/ready")
			return got == status && body == text
		}
	}
	eventually(t, "all report", healthy)
	victim := p.readied()[0]
	if err := syscall.Kill(victim, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a worker that hangs is reported", func() bool {
		status, body := p.adminHealth()
		return status == http.StatusServiceUnavailable && body != ""
	})
	if status, body := p.admin("/health/live"); status != http.StatusOK || body != `{"status":"live"}` {
		t.Errorf("/health/live says %d %s", status, body)
	}
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a worker is missed", readiness(http.StatusOK, `{"degraded":["workers"],"status":"ready"}`))
	eventually(t, "another one reports", healthy)
	p.signal(syscall.SIGTERM)
	eventually(t, "it drains", readiness(http.StatusServiceUnavailable, `{"status":"draining"}`))
	p.wantExit(0)
}
