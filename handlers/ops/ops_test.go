package ops_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/ops"
	"example.com/prefab/services/health"
	"example.com/prefab/services/memory"
)

func get(t *testing.T, path string, handler fiber.Handler) (status int, body string) {
	t.Helper()
	app := fiber.New()
	app.Get("/*", handler)
	response, err := app.Test(httptest.NewRequest("GET", path, nil), -1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Cache-Control"); !strings.HasPrefix(got, "no-") {
		t.Errorf("%s: Cache-Control is %q", path, got)
	}
	return response.StatusCode, string(content)
}

func TestHealth_ShowsWhatIsWrong(t *testing.T) {
	answers := func(context.Context) error { return nil }
	fails := func(context.Context) error { return errors.New("refused") }
	for name, c := range map[string]struct {
		database func(context.Context) error
		change   func(*ops.Health)
		status   int
		parts    []string // of the report
		ready    string
	}{
		"all is well": {answers, nil, 200, []string{`"status":"ok"`, `"database":"ok"`, `"redis":"ok"`}, `200 {"status":"ready"}`},
		"a dependency is down": {
			fails, nil, 503, []string{`"status":"error"`, `"database":"error"`, `"redis":"ok"`},
			`200 {"degraded":["database"],"status":"ready"}`,
		},
		"a replica is down": {
			answers, func(h *ops.Health) {
				h.Monitor = health.New(health.Dependency{Name: ops.Replica, Check: fails})
				h.Monitor.Enter(health.Ready)
			}, 503, []string{`"replica":"error"`, `"database":"ok"`}, `200 {"degraded":["replica"],"status":"ready"}`,
		},
		"starting":        {answers, func(h *ops.Health) { h.Monitor.Enter(health.Starting) }, 503, nil, `503 {"status":"starting"}`},
		"draining":        {answers, func(h *ops.Health) { h.Monitor.Enter(health.Draining) }, 503, nil, `503 {"status":"draining"}`},
		"the heap is big": {answers, func(h *ops.Health) { h.MaxHeapMB = 0 }, 503, nil, `200 {"status":"ready"}`},
		"write-behind": {
			answers, func(h *ops.Health) { h.WriteBehind = func() string { return "buffered" } },
			200, []string{`"writeBehind":"buffered"`}, `200 {"status":"ready"}`,
		},
		"without detail": {fails, func(h *ops.Health) { h.Detail = false }, 503, nil, `200 {"status":"ready"}`},
	} {
		h := &ops.Health{
			Monitor: health.New(
				health.Dependency{Name: ops.Database, Check: c.database}, health.Dependency{Name: ops.Redis, Check: answers},
			),
			Memory: memory.NewMeter(1), MaxHeapMB: 1 << 20, Environment: "test", Detail: true,
		}
		h.Monitor.Enter(health.Ready)
		if c.change != nil {
			c.change(h)
		}
		status, body := get(t, "/health", h.Show)
		for _, part := range c.parts {
			if !strings.Contains(body, part) {
				t.Errorf("%s: %s has no %s", name, body, part)
			}
		}
		if status != c.status || strings.Contains(body, "writeBehind") != (h.WriteBehind != nil) ||
			strings.Contains(body, "environment") != h.Detail {
			t.Errorf("%s: %d %s", name, status, body)
		}
		status, body = get(t, "/health/ready", h.Ready)
		if got := map[int]string{200: "200 ", 503: "503 "}[status] + body; got != c.ready {
			t.Errorf("%s: ready is %s, want %s", name, got, c.ready)
		}
		if status, body = get(t, "/health/live", h.Live); status != 200 || body != `{"status":"live"}` {
			t.Errorf("%s: live is %d %s", name, status, body)
		}
	}
}

func TestReport_TellsWhatIsDownAfterItWasSent(t *testing.T) {
	var report ops.Report
	sent := `{"status":"error","database":"error","replica":"ok","redis":"error"}`
	if err := json.Unmarshal([]byte(sent), &report); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(report.Down(), " "); got != "database redis" || report.OK() {
		t.Errorf("down are %q, OK %t", got, report.OK())
	}
	if report = (ops.Report{Status: "error"}); report.Down() != nil || report.OK() {
		t.Errorf("%+v", report)
	}
	report = ops.Report{Status: "ok", Detail: new(ops.Detail)}
	if two, one := report.WithWorkers(2, 4), report.WithWorkers(1, 4); !two.OK() || two.Workers.Ready != 2 || one.OK() {
		t.Errorf("with half of the workers: %+v, with fewer: %+v", two, one)
	}
}
