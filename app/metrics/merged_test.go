package metrics_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"example.com/prefab/app/metrics"
)

// worker is a process with one metric of each kind.
type worker struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	open     prometheus.Gauge
	took     prometheus.Histogram
}

func newWorker() *worker {
	w := &worker{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total", Help: "Requests."}, []string{"route"}),
		open:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "open", Help: "Open."}),
		took:     prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds", Help: "Took.", Buckets: []float64{1, 2}}),
	}
	w.registry.MustRegister(w.requests, w.open, w.took)
	return w
}

func (w *worker) snapshot(t *testing.T) []byte {
	t.Helper()
	snapshot, err := metrics.Snapshot(w.registry)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func receive(t *testing.T, m *metrics.Merged, slot, pid int, w *worker) {
	t.Helper()
	if err := m.Receive(slot, pid, w.snapshot(t)); err != nil {
		t.Fatal(err)
	}
}

func TestMerged_AddsCountsAndTellsGaugesApart(t *testing.T) {
	own := prometheus.NewRegistry()
	m := metrics.NewMerged(own)
	one, two := newWorker(), newWorker()
	one.requests.WithLabelValues("/a").Add(2)
	two.requests.WithLabelValues("/a").Add(3)
	two.requests.WithLabelValues("/b").Add(4)
	one.open.Set(7)
	two.open.Set(8)
	one.took.Observe(.5)
	two.took.Observe(1.5)
	two.took.Observe(5)
	receive(t, m, 0, 100, one)
	receive(t, m, 1, 101, two)
	want := `
# HELP open Open.
# TYPE open gauge
open{worker="0"} 7
open{worker="1"} 8
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{route="/a"} 5
requests_total{route="/b"} 4
# HELP took_seconds Took.
# TYPE took_seconds histogram
took_seconds_bucket{le="1"} 1
took_seconds_bucket{le="2"} 2
took_seconds_bucket{le="+Inf"} 3
took_seconds_sum 7
took_seconds_count 3
`
	if err := testutil.GatherAndCompare(m, strings.NewReader(want)); err != nil {
		t.Error(err)
	}

	m.Ended(0, 100)
	want = strings.Replace(want, "open{worker=\"0\"} 7\n", "", 1)
	for range 2 { // a look at the page changes nothing
		if err := testutil.GatherAndCompare(m, strings.NewReader(want)); err != nil {
			t.Errorf("after the end of a worker: %v", err)
		}
	}
}

func TestMerged_ShowsTheGaugesOfTheNewestOfASlot(t *testing.T) {
	m := metrics.NewMerged(prometheus.NewRegistry())
	old, next := newWorker(), newWorker()
	old.open.Set(1)
	next.open.Set(2)
	receive(t, m, 0, 100, old)
	receive(t, m, 0, 101, next)
	receive(t, m, 0, 100, old)
	want := "# HELP open Open.\n# TYPE open gauge\nopen{worker=\"0\"} 2\n"
	if err := testutil.GatherAndCompare(m, strings.NewReader(want), "open"); err != nil {
		t.Error(err)
	}
	m.Ended(0, 100)
	if err := testutil.GatherAndCompare(m, strings.NewReader(want), "open"); err != nil {
		t.Error(err)
	}
}

func TestMerged_RubbishChangesNothing(t *testing.T) {
	m := metrics.NewMerged(prometheus.NewRegistry())
	w := newWorker()
	w.requests.WithLabelValues("/a").Add(2)
	receive(t, m, 0, 100, w)
	whole := w.snapshot(t)
	for _, rubbish := range [][]byte{[]byte("rubbish"), whole[:len(whole)-3]} {
		if err := m.Receive(0, 100, rubbish); err == nil {
			t.Error("rubbish is taken")
		}
	}
	if got := requests(t, m); got != 2 {
		t.Errorf("the counter is %g", got)
	}
}

func TestMerged_CountersNeverGoDown(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	m := metrics.NewMerged(prometheus.NewRegistry())
	workers := make([]*worker, 4)
	pids, next := make([]int, 4), 1
	var told, shown float64 // what the workers have told of, and what the page showed last
	untold := make([]float64, 4)
	for range 2000 {
		slot := random.IntN(4)
		switch {
		case workers[slot] == nil:
			workers[slot], pids[slot] = newWorker(), next
			next++
		case random.IntN(10) == 0: // killed: what it has not told of is lost
			m.Ended(slot, pids[slot])
			workers[slot], untold[slot] = nil, 0
		case random.IntN(2) == 0:
			n := float64(random.IntN(5))
			workers[slot].requests.WithLabelValues("/a").Add(n)
			untold[slot] += n
		default:
			receive(t, m, slot, pids[slot], workers[slot])
			told, untold[slot] = told+untold[slot], 0
		}
		now := requests(t, m)
		if now < shown || now != told {
			t.Fatalf("the page shows %g after %g, and %g were told", now, shown, told)
		}
		shown = now
	}
}

func TestMerged_FractionsNeverGoDown(t *testing.T) {
	m := metrics.NewMerged(prometheus.NewRegistry())
	workers := []*worker{newWorker(), newWorker(), newWorker(), newWorker()}
	for slot, w := range workers {
		w.requests.WithLabelValues("/a").Add([]float64{.1, .2, .3, 1e9 + .7}[slot])
		receive(t, m, slot, 100+slot, w)
	}
	last := 0.
	for look := range 200 {
		if look == 100 {
			m.Ended(3, 103)
			m.Ended(1, 101)
		}
		now := requests(t, m)
		if now < last {
			t.Fatalf("it went from %v to %v", last, now)
		}
		last = now
	}
}

func requests(t *testing.T, g prometheus.Gatherer) (sum float64) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "requests_total" {
			for _, metric := range f.GetMetric() {
				sum += metric.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func TestAlone_HasTheShapeOfSeveral(t *testing.T) {
	w := newWorker()
	w.open.Set(3)
	w.requests.WithLabelValues("/a").Inc()
	m := metrics.NewMerged(prometheus.NewRegistry())
	receive(t, m, 0, 100, w)
	several, err := m.Gather()
	if err != nil {
		t.Fatal(err)
	}
	alone, err := metrics.SingleProcess(w.registry).Gather()
	if err != nil {
		t.Fatal(err)
	}
	text := func(families []*dto.MetricFamily) (all string) {
		for _, f := range families {
			all += f.String() + "\n"
		}
		return all
	}
	if strings.ReplaceAll(text(several), " ", "") != strings.ReplaceAll(text(alone), " ", "") {
		t.Errorf("of several:\n%s\nalone:\n%s", text(several), text(alone))
	}
}
