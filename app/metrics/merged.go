// Package metrics merges the metrics of several processes: it adds up counters and
// histograms, and gives gauges a label worker.
//
//	merged := metrics.NewMerged(supervisorRegistry)
//	err := merged.Receive(0, pid, snapshot) // what metrics.Snapshot made in worker 0
//	merged.Ended(0, pid)
//	http.Handle("/metrics", promhttp.HandlerFor(merged, promhttp.HandlerOpts{}))
package metrics

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/proto"
)

// format is how snapshots travel from a worker to its supervisor.
var format = expfmt.NewFormat(expfmt.TypeProtoDelim)

// Snapshot encodes what g gathers.
func Snapshot(g prometheus.Gatherer) ([]byte, error) {
	families, err := g.Gather()
	if err != nil && len(families) == 0 {
		return nil, fmt.Errorf("gather metrics: %w", err)
	}
	var snapshot bytes.Buffer
	out := expfmt.NewEncoder(&snapshot, format)
	for _, family := range families {
		if err := out.Encode(family); err != nil {
			return nil, fmt.Errorf("encode metrics: %w", err)
		}
	}
	return snapshot.Bytes(), nil
}

// Merged is the sum of what all workers have counted, the gauges of those that run, and
// the supervisor's own metrics. Counters never decrease when a worker ends. What a killed
// worker counted after its last snapshot is lost.
type Merged struct {
	own     prometheus.Gatherer
	refresh func() error // for a single process, which sends no snapshots

	mu     sync.Mutex
	totals map[string]*dto.MetricFamily // by name
	series map[string]*dto.Metric       // those of totals, by seriesKey
	live   map[process]snapshot
	newest map[int]int // the newest process of each slot, whose gauges count
}

type process struct{ slot, pid int }

type snapshot struct {
	families []*dto.MetricFamily
	counts   map[string]*dto.Metric // by seriesKey
}

// NewMerged returns a Merged without workers. own's names must differ from theirs.
func NewMerged(own prometheus.Gatherer) *Merged {
	return &Merged{
		own: own, refresh: func() error { return nil },
		totals: make(map[string]*dto.MetricFamily), series: make(map[string]*dto.Metric),
		live: make(map[process]snapshot), newest: make(map[int]int),
	}
}

// SingleProcess gives the metrics of a single process the form of merged ones: its gauges
// get the label worker="0".
func SingleProcess(g prometheus.Gatherer) *Merged {
	merged := NewMerged(prometheus.NewRegistry())
	var mu sync.Mutex // no snapshot overtakes an older one
	merged.refresh = func() error {
		mu.Lock()
		defer mu.Unlock()
		families, err := g.Gather()
		merged.add(process{0, os.Getpid()}, families)
		return err
	}
	return merged
}

// Receive takes a worker's newest snapshot. One that cannot be read changes nothing.
func (m *Merged) Receive(slot, pid int, snapshot []byte) error {
	var families []*dto.MetricFamily
	for in := expfmt.NewDecoder(bytes.NewReader(snapshot), format); ; {
		family := new(dto.MetricFamily)
		err := in.Decode(family)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the metrics of worker %d: %w", slot, err)
		}
		families = append(families, family)
	}
	m.add(process{slot, pid}, families)
	return nil
}

// add adds what the process has counted since its last snapshot.
func (m *Merged) add(p process, families []*dto.MetricFamily) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, known := m.live[p]
	if !known {
		m.newest[p.slot] = p.pid
	}
	now := snapshot{families, make(map[string]*dto.Metric)}
	for _, family := range families {
		if isGauge(family) {
			continue
		}
		total := m.totals[family.GetName()]
		if total == nil {
			total = &dto.MetricFamily{Name: family.Name, Help: family.Help, Type: family.Type}
			m.totals[family.GetName()] = total
		}
		for _, metric := range family.GetMetric() {
			key := seriesKey(family, metric)
			now.counts[key] = metric
			if sum := m.series[key]; sum != nil {
				addGrowth(sum, before.counts[key], metric)
				continue
			}
			sum := proto.CloneOf(metric)
			if sum.Summary != nil {
				sum.Summary.Quantile = nil // cannot be added
			}
			m.series[key] = sum
			total.Metric = append(total.Metric, sum)
		}
	}
	m.live[p] = now
}

// Ended forgets the gauges of a process, and keeps what it has counted. Nothing of it may
// be received after that.
func (m *Merged) Ended(slot, pid int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.live, process{slot, pid})
	if m.newest[slot] == pid {
		delete(m.newest, slot)
	}
}

// Totals yields the counters and histograms of the workers, in any order, without a copy:
// they change after the loop, and snapshots wait for its end.
func (m *Merged) Totals() iter.Seq[*dto.MetricFamily] {
	return func(yield func(*dto.MetricFamily) bool) {
		_ = m.refresh() // what is there in spite of an error
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, total := range m.totals {
			if !yield(total) {
				return
			}
		}
	}
}

// Gather implements prometheus.Gatherer.
func (m *Merged) Gather() ([]*dto.MetricFamily, error) {
	stale := m.refresh()
	all, err := m.own.Gather()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, total := range m.totals {
		all = append(all, proto.CloneOf(total))
	}
	gauges := make(map[string]*dto.MetricFamily)
	for slot, pid := range m.newest {
		for _, family := range m.live[process{slot, pid}].families {
			if !isGauge(family) {
				continue
			}
			merged := gauges[family.GetName()]
			if merged == nil {
				merged = &dto.MetricFamily{Name: family.Name, Help: family.Help, Type: family.Type}
				gauges[family.GetName()] = merged
				all = append(all, merged)
			}
			for _, metric := range family.GetMetric() {
				metric = proto.CloneOf(metric)
				metric.Label = append(metric.Label, &dto.LabelPair{Name: new("worker"), Value: new(strconv.Itoa(slot))})
				merged.Metric = append(merged.Metric, metric)
			}
		}
	}
	for _, f := range all {
		slices.SortFunc(f.Metric, func(a, b *dto.Metric) int { return cmp.Compare(seriesKey(f, a), seriesKey(f, b)) })
	}
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return all, errors.Join(stale, err)
}

func isGauge(f *dto.MetricFamily) bool {
	return f.GetType() == dto.MetricType_GAUGE || f.GetType() == dto.MetricType_UNTYPED
}

// seriesKey is the name and the labels in one string; registries give labels in order.
func seriesKey(f *dto.MetricFamily, m *dto.Metric) string {
	key := []byte(f.GetName())
	for _, l := range m.GetLabel() {
		key = append(append(append(append(key, 0), l.GetName()...), 0), l.GetValue()...)
	}
	return string(key)
}

// addGrowth adds what a process has counted between two of its snapshots, of which before
// may be nil. The order of an addition changes a sum of fractions a little, and Prometheus
// takes any decrease for a reset: so a sum only ever gets positive amounts added.
func addGrowth(sum, before, now *dto.Metric) {
	switch {
	case sum.Counter != nil && now.Counter != nil:
		*sum.Counter.Value += now.Counter.GetValue() - before.GetCounter().GetValue()
	case sum.Summary != nil && now.Summary != nil:
		*sum.Summary.SampleCount += now.Summary.GetSampleCount() - before.GetSummary().GetSampleCount()
		*sum.Summary.SampleSum += now.Summary.GetSampleSum() - before.GetSummary().GetSampleSum()
	case sum.Histogram != nil && now.Histogram != nil:
		*sum.Histogram.SampleCount += now.Histogram.GetSampleCount() - before.GetHistogram().GetSampleCount()
		*sum.Histogram.SampleSum += now.Histogram.GetSampleSum() - before.GetHistogram().GetSampleSum()
		for i, b := range now.Histogram.GetBucket() {
			// After a rolling restart of another program bounds may differ; those are left out.
			if i < len(sum.Histogram.Bucket) && sum.Histogram.Bucket[i].GetUpperBound() == b.GetUpperBound() {
				count := b.GetCumulativeCount()
				if before != nil {
					count -= before.Histogram.Bucket[i].GetCumulativeCount()
				}
				*sum.Histogram.Bucket[i].CumulativeCount += count
			}
		}
	}
}
