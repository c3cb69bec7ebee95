//go:build unix

package main_test

import (
	"encoding/json"
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
		"status", "timestamp", "uptime", "memory", "database", "redis", "writeBehind", "environment",
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

// A worker that starts beside others is no fault of the service.
func TestAdmin_HealthIsWellWhileWorkersAreReplaced(t *testing.T) {
	_, settings := configured(t)
	p := startPrefork(t, settings...)
	well := func() bool {
		status, _ := p.adminHealth()
		return status == http.StatusOK
	}
	eventually(t, "all is well", well)
	before := len(p.readied())
	p.signal(syscall.SIGHUP)
	eventually(t, "all workers are replaced", func() bool {
		if !well() {
			t.Fatalf("it is not well meanwhile:\n%s", p.said())
		}
		return len(p.readied()) >= before+3
	})
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
