package limit_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/limit"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// counts let so many of a key pass, and the others after 1.5 s.
type counts struct {
	taken map[string]int
	away  bool
}

func (c *counts) take(_ context.Context, key string, n int, _ time.Duration) (left int, reset, wait time.Duration, err error) {
	if c.away {
		return 0, 0, 0, problem.ErrUnavailable
	}
	if c.taken[key]++; c.taken[key] > n {
		return 0, 0, 1500 * time.Millisecond, nil
	}
	return n - c.taken[key], 2100 * time.Millisecond, 0, nil
}

func newLimits() (*counts, *limit.Limits, *prometheus.Registry) {
	c, registry := &counts{taken: make(map[string]int)}, prometheus.NewRegistry()
	return c, limit.New(c.take, registry, slog.New(slog.DiscardHandler)), registry
}

func TestPerAddress_TellsWhatIsLeftAndWhenToComeBack(t *testing.T) {
	_, limits, registry := newLimits()
	app := fibertest.New()
	app.Get("/", limits.PerAddress("search", 2, time.Minute), fibertest.OK)
	for i, want := range []struct {
		status int
		left   string
	}{{200, `"search";r=1;t=3`}, {200, `"search";r=0;t=3`}, {429, `"search";r=0;t=2`}} {
		response, _ := fibertest.Send(t, app, "GET", "/")
		policy, left := response.Header.Get("RateLimit-Policy"), response.Header.Get("RateLimit")
		if response.StatusCode != want.status || left != want.left || policy != `"search";q=2;w=60` {
			t.Errorf("request %d: %d, RateLimit: %s, RateLimit-Policy: %s", i, response.StatusCode, left, policy)
		}
	}
	for outcome, want := range map[string]float64{"passed": 2, "denied": 1, "uncounted": 0} {
		if got := metric(t, registry, outcome); got != want {
			t.Errorf("the metric has %v %s, want %v", got, outcome, want)
		}
	}
}

func TestPer_AnOutageIsLoggedOnce(t *testing.T) {
	c, log := &counts{taken: make(map[string]int)}, new(bytes.Buffer)
	app := fibertest.New()
	limits := limit.New(c.take, prometheus.NewRegistry(), slog.New(slog.NewTextHandler(log, nil)))
	app.Get("/", limits.PerAddress("search", 100, time.Minute), fibertest.OK)
	for i, away := range []bool{false, true, true, false, true} {
		c.away = away
		fibertest.Send(t, app, "GET", "/")
		if got, want := strings.Count(log.String(), "level=WARN"), []int{0, 1, 1, 1, 2}[i]; got != want {
			t.Errorf("after request %d there are %d warnings, want %d", i, got, want)
		}
	}
}

func metric(t *testing.T, registry *prometheus.Registry, outcome string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("the metrics are %v, error %v", families, err)
	}
	for _, m := range families[0].GetMetric() {
		for _, label := range m.GetLabel() {
			if label.GetValue() == outcome {
				return m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

func TestPer_LimitsOfARouteAndItsGroupBothTell(t *testing.T) {
	_, limits, _ := newLimits()
	app := fibertest.New()
	everybody := func(*fiber.Ctx) string { return "all" }
	app.Use(limits.PerAddress("api", 3, time.Hour))
	app.Get("/", limits.Per(everybody, "reports", 1, time.Minute), fibertest.OK)
	app.Get("/other", limits.Per(everybody, "reports", 1, time.Minute), fibertest.OK)
	response, _ := fibertest.Send(t, app, "GET", "/")
	if got := response.Header.Get("RateLimit"); got != `"api";r=2;t=3, "reports";r=0;t=3` {
		t.Errorf("RateLimit: %s", got)
	}
	if got := response.Header.Get("RateLimit-Policy"); got != `"api";q=3;w=3600, "reports";q=1;w=60` {
		t.Errorf("RateLimit-Policy: %s", got)
	}
	if response, _ = fibertest.Send(t, app, "GET", "/other"); response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("routes with one name do not share their count: %d", response.StatusCode)
	}
}

func TestPerAddress_CountsClientsApart(t *testing.T) {
	c, limits, _ := newLimits()
	app := fiber.New()
	app.Use(func(ctx *fiber.Ctx) error {
		ctx.SetUserContext(tracing.With(ctx.UserContext(), &tracing.Trace{Address: netip.MustParseAddr(ctx.Get("From"))}))
		return ctx.Next()
	})
	app.Get("/", limits.PerAddress("api", 9, time.Minute), fibertest.OK)
	for _, address := range []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2:0:0:1", "2001:db8:0:1::1"} {
		fibertest.Send(t, app, "GET", "/", "From", address)
	}
	if len(c.taken) != 4 || c.taken["api:address:2001:db8::"] != 2 {
		t.Errorf("the counts are %v", c.taken)
	}
}

func TestPer_WithoutCountsPassesOrFailsAsTheRuleSays(t *testing.T) {
	c, limits, registry := newLimits()
	c.away = true
	app := fibertest.New()
	app.Get("/open", limits.PerAddress("open", 1, time.Minute), fibertest.OK)
	app.Get("/closed", limits.PerAddress("closed", 1, time.Minute, limit.FailClosed), fibertest.OK)
	for path, want := range map[string]int{"/open": 200, "/closed": 503} {
		response, _ := fibertest.Send(t, app, "GET", path)
		if response.StatusCode != want || response.Header.Get("RateLimit") != "" {
			t.Errorf("%s: %d with %q", path, response.StatusCode, response.Header.Get("RateLimit"))
		}
	}
	if n, err := testutil.GatherAndCount(registry); err != nil || n != 6 {
		t.Errorf("%d series, error %v", n, err)
	}
	if got := metric(t, registry, "uncounted"); got != 1 {
		t.Errorf("the metric has %v requests that were not counted", got)
	}
}

func TestPer_WithoutALimitAsksNobody(t *testing.T) {
	c, limits, _ := newLimits()
	app := fibertest.New()
	app.Get("/", limits.PerAddress("none", 0, time.Minute), fibertest.OK)
	response, _ := fibertest.Send(t, app, "GET", "/")
	if response.StatusCode != http.StatusOK || len(c.taken) > 0 || response.Header.Get("RateLimit-Policy") != "" {
		t.Errorf("status %d, counts %v", response.StatusCode, c.taken)
	}
}

func TestPer_RefusesMistakesWhenTheRoutesAreMade(t *testing.T) {
	_, limits, _ := newLimits()
	for what, add := range map[string]func(){
		"a name with a quote":  func() { limits.PerAddress(`a"b`, 1, time.Minute) },
		"no name":              func() { limits.PerAddress("", 1, time.Minute) },
		"a negative limit":     func() { limits.PerAddress("a", -1, time.Minute) },
		"a fraction of second": func() { limits.PerAddress("a", 1, 1500*time.Millisecond) },
		"no period":            func() { limits.PerAddress("a", 1, 0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is taken", what)
				}
			}()
			add()
		}()
	}
}
