package console

import (
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// counters are metrics of a service.
type counters struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
}

func newCounters() *counters {
	c := &counters{
		registry:  prometheus.NewRegistry(),
		requests:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: requestsTotal}, []string{"method", "route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: requestDuration, Buckets: []float64{.1, 1}}, []string{"method", "route"}),
	}
	c.registry.MustRegister(c.requests, c.durations)
	return c
}

// serve counts n requests.
func (c *counters) serve(n int, route, status string, took float64) {
	c.requests.WithLabelValues("GET", route, status).Add(float64(n))
	for range n {
		c.durations.WithLabelValues("GET", route).Observe(took)
	}
}

func (c *counters) gather(t testing.TB) iter.Seq[*dto.MetricFamily] {
	t.Helper()
	families, err := c.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Values(families)
}

// grown lists what one value of a family grew by, by the age of the step.
func grown(h *history, family string, value int) map[int]float64 {
	list := make(map[int]float64)
	h.visit(steps, func(age int, s *series, v int, n float64) {
		if s.family == family && v == value {
			list[age] += n
		}
	})
	return list
}

func TestHistory_HoldsWhatCountersGrewBy(t *testing.T) {
	c, h, now := newCounters(), new(history), time.Unix(1_000_000, 0)
	c.serve(100, "/", "200", .05) // before the console began: no growth
	h.record(now, c.gather(t))
	c.serve(3, "/", "200", .05)
	c.serve(1, "/new", "500", .5)
	h.record(now.Add(step), c.gather(t))
	h.record(now.Add(2*step), c.gather(t))
	c.serve(2, "/", "200", 5)
	h.record(now.Add(3*step), c.gather(t))
	c.serve(1, "/", "200", 5)
	h.record(now.Add(3*step+time.Second), c.gather(t)) // in the same step

	for value, want := range map[int]map[int]float64{0: {0: 3, 2: 4}} {
		if got := grown(h, requestsTotal, value); len(got) != len(want) || got[0] != want[0] || got[2] != want[2] {
			t.Errorf("requests grew by %v, want %v", got, want)
		}
	}
	if got := grown(h, requestDuration, 1); len(got) != 1 || got[2] != 1 {
		t.Errorf("the second bucket grew by %v", got)
	}
	if got := grown(h, requestDuration, 2); len(got) != 1 || got[0] != 3 {
		t.Errorf("the last bucket grew by %v", got)
	}
	if got := grown(h, requestDuration, 3); got[0] != 15 || got[2] < .64 || got[2] > .66 {
		t.Errorf("the sums grew by %v", got)
	}
}

func TestHistory_ForgetsAfterItsLength(t *testing.T) {
	for _, pause := range []time.Duration{step, steps * step, 100 * steps * step} { // the machine may have slept
		c, h, now := newCounters(), new(history), time.Unix(1_000_000, 0)
		h.record(now, c.gather(t))
		c.serve(1, "/", "200", .05)
		now = now.Add(step)
		h.record(now, c.gather(t))
		h.record(now.Add(-time.Hour), c.gather(t)) // the clock was set back
		if got := grown(h, requestsTotal, 0); got[0] != 1 {
			t.Fatalf("grown by %v", got)
		}
		for end := now.Add((steps - 1) * step); now.Before(end); {
			now = now.Add(pause)
			h.record(now, c.gather(t))
		}
		if pause == step && grown(h, requestsTotal, 0)[steps-1] != 1 {
			t.Errorf("forgotten too early: %v", grown(h, requestsTotal, 0))
		}
		h.record(now.Add(step), c.gather(t))
		if got := grown(h, requestsTotal, 0); len(got) > 0 {
			t.Errorf("after pauses of %s there is %v", pause, got)
		}
	}
}

// The history goes on while the totals are read.
func TestNode_MayGrowByWhatItsTotalsLack(t *testing.T) {
	c, h, now := newCounters(), new(history), time.Unix(1_000_000, 0)
	h.record(now, c.gather(t))
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts{Name: cacheLookups}, []string{"table", "found"})
	c.registry.MustRegister(lookups)
	lookups.WithLabelValues("rooms", "memory").Add(5)
	c.serve(1, "/", "200", .05)
	h.record(now.Add(step), c.gather(t))
	h.record(now.Add(2*step), c.gather(t))
	n := newNode(NodeInfo{}, nil, h, "")
	if got := n.Tables["rooms"].Recent["memory"]; got != 5 {
		t.Errorf("the table has %d look-ups", got)
	}
}

func BenchmarkHistory(b *testing.B) {
	c, h := newCounters(), new(history)
	for i := range 60 {
		c.serve(1, "/route/"+string(rune('a'+i)), "200", .05)
	}
	families, now := c.gather(b), time.Unix(1_000_000, 0)
	for b.Loop() {
		now = now.Add(step)
		h.record(now, families)
	}
}
