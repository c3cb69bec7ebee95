package metrics_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

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
	for range 2 { // Gather changes nothing
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
	var sent, shown float64 // in snapshots, and in the last Gather
	unsent := make([]float64, 4)
	for range 500 {
		slot := random.IntN(4)
		switch {
		case workers[slot] == nil:
			workers[slot], pids[slot] = newWorker(), next
			next++
		case random.IntN(10) == 0: // killed: what it has not sent is lost
			m.Ended(slot, pids[slot])
			workers[slot], unsent[slot] = nil, 0
		case random.IntN(2) == 0:
			n := float64(random.IntN(5))
			workers[slot].requests.WithLabelValues("/a").Add(n)
			unsent[slot] += n
		default:
			receive(t, m, slot, pids[slot], workers[slot])
			sent, unsent[slot] = sent+unsent[slot], 0
		}
		now := requests(t, m)
		if now < shown || now != sent {
			t.Fatalf("the sum is %g after %g, and %g were sent", now, shown, sent)
		}
		shown = now
	}
}

// Sums of fractions depend a little on their order.
func TestMerged_FractionsNeverGoDown(t *testing.T) {
	m := metrics.NewMerged(prometheus.NewRegistry())
	workers := []*worker{newWorker(), newWorker(), newWorker(), newWorker()}
	last := 0.
	for n := range 200 {
		slot := n % 4
		workers[slot].requests.WithLabelValues("/a").Add([]float64{.1, .2, .3, 1e9 + .7}[slot])
		receive(t, m, slot, 100+slot, workers[slot])
		if n == 100 {
			m.Ended(3, 103)
			workers[3] = newWorker()
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

func TestSingleProcess_HasTheFormOfMergedMetrics(t *testing.T) {
	w := newWorker()
	w.open.Set(3)
	w.requests.WithLabelValues("/a").Inc()
	single := metrics.SingleProcess(w.registry)
	want := "# HELP open Open.\n# TYPE open gauge\nopen{worker=\"0\"} 3\n" +
		"# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total{route=\"/a\"} 1\n"
	for range 2 {
		if err := testutil.GatherAndCompare(single, strings.NewReader(want), "open", "requests_total"); err != nil {
			t.Error(err)
		}
	}
}

func TestMerged_TotalsAreWhatWasCountedUntilNow(t *testing.T) {
	totals := func(m *metrics.Merged) string {
		var names []string
		for family := range m.Totals() {
			for _, metric := range family.GetMetric() {
				names = append(names, fmt.Sprint(family.GetName(), " ", metric.GetCounter().GetValue()+float64(metric.GetHistogram().GetSampleCount())))
			}
		}
		slices.Sort(names)
		return strings.Join(names, ", ")
	}
	w, m := newWorker(), metrics.NewMerged(prometheus.NewRegistry())
	single := metrics.SingleProcess(w.registry)
	for i, want := range []string{"requests_total 1, took_seconds 1", "requests_total 2, took_seconds 2"} {
		w.requests.WithLabelValues("/a").Inc()
		w.took.Observe(1)
		receive(t, m, 0, 1, w)
		if got := totals(m); got != want {
			t.Errorf("after %d they are %s, want %s", i+1, got, want)
		}
		if got := totals(single); got != want {
			t.Errorf("those of a single process are %s, want %s", got, want)
		}
	}
	for range m.Totals() {
		break
	}
	receive(t, m, 0, 1, w) // a loop that was left holds no lock
}
