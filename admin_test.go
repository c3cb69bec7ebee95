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

// adminHealth reads /health on ADMIN_ADDR.
func (p *process) adminHealth() (status int, body string) {
	p.t.Helper()
	url := metricsAt.FindStringSubmatch(p.said())
	if url == nil {
		p.t.Fatalf("it does not say where its metrics are:\n%s", p.said())
	}
	admin := &process{t: p.t, URL: strings.TrimSuffix(url[1], "/metrics")}
	return admin.get("/health")
}

func isWhole(body string) bool {
	var report map[string]any
	err := json.Unmarshal([]byte(body), &report)
	for _, name := range []string{
		"status", "timestamp", "uptime", "memory", "database", "redis", "environment",
	} {
		if report[name] == nil {
			return false
		}
	}
	return err == nil
}

func TestAdmin_TellsTheWholeHealthAndThePublicPortTheStatus(t *testing.T) {
	_, settings := configured(t)
	p := start(t, checkout(t), append(settings, "HEALTH_DETAIL=false", "HEALTH_MAX_HEAP_MB=1")...)
	eventually(t, "the report is there", func() bool {
		status, body := p.adminHealth()
		return status == http.StatusServiceUnavailable && isWhole(body) && strings.Contains(body, `"status":"error"`)
	})
	status, body := p.get("/health")
	var report map[string]any
	if err := json.Unmarshal([]byte(body), &report); err != nil || status != http.StatusServiceUnavailable ||
		len(report) != 2 || report["status"] != "error" || report["timestamp"] == nil {
		t.Errorf("the public port says %d %s", status, body)
	}
}

func TestAdmin_TellsOfAWorkerThatHangsAndOfNoneThatHasEnded(t *testing.T) {
	_, settings := configured(t)
	p := startPrefork(t, settings...)
	well := func() bool {
		status, body := p.adminHealth()
		return status == http.StatusOK && isWhole(body) && strings.Contains(body, `"workers":{"ready":3,"all":3}`)
	}
	eventually(t, "all report", well)
	pids := p.readied()
	worker := pids[len(pids)-1]
	if err := syscall.Kill(worker, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a worker that hangs is told of", func() bool {
		status, body := p.adminHealth()
		return status == http.StatusServiceUnavailable && isWhole(body)
	})
	if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one that has ended is forgotten, and another reports", well)
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
