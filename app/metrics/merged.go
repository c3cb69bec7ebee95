// Package metrics merges the metrics of several processes: it adds up counters and
// histograms, and gives gauges a label worker.
package metrics

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// format is how snapshots travel from a worker to its supervisor.
var format = expfmt.NewFormat(expfmt.TypeProtoDelim)

// Merged is the sum of the newest snapshot of every worker, the counts of workers that
// have ended, and the supervisor's own metrics. Counters never decrease when a worker
// ends. What a killed worker counted after its last snapshot is lost.
type Merged struct {
	own prometheus.Gatherer

	mu    sync.Mutex
	ended familySums
	live  map[process][]*dto.MetricFamily
	last  map[int]int // the newest process of each slot, whose gauges count
	shown monotonicTotals
}

type process struct{ slot, pid int }

// NewMerged returns a Merged without workers. own's names must differ from theirs.
func NewMerged(own prometheus.Gatherer) *Merged {
	return &Merged{
		own: own, ended: familySums{}, live: map[process][]*dto.MetricFamily{}, last: map[int]int{}, shown: monotonicTotals{},
	}
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
	m.mu.Lock()
	defer m.mu.Unlock()
	p := process{slot, pid}
	if _, known := m.live[p]; !known {
		m.last[slot] = pid
	}
	m.live[p] = families
	return nil
}

// Ended keeps what a process has counted, and forgets its gauges. Nothing of it
// may be received after that.
func (m *Merged) Ended(slot, pid int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := process{slot, pid}
	m.ended.count(m.live[p])
	delete(m.live, p)
	if m.last[slot] == pid {
		delete(m.last, slot)
	}
}

// Gather implements prometheus.Gatherer.
func (m *Merged) Gather() ([]*dto.MetricFamily, error) {
	own, err := m.own.Gather()
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := familySums{}
	for _, f := range m.ended {
		sum.count([]*dto.MetricFamily{f.family()})
	}
	for p, families := range m.live {
		sum.count(families)
		if m.last[p.slot] == p.pid {
			sum.show(families, p.slot)
		}
	}
	m.shown.raise(sum)
	all := own
	for _, f := range sum {
		all = append(all, f.family())
	}
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return all, err
}

// SingleProcess gives the metrics of a single process the form of merged ones: its gauges
// get the label worker="0".
func SingleProcess(g prometheus.Gatherer) prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := g.Gather()
		sum := familySums{}
		sum.count(families)
		sum.show(families, 0)
		all := make([]*dto.MetricFamily, 0, len(sum))
		for _, name := range slices.Sorted(maps.Keys(sum)) {
			all = append(all, sum[name].family())
		}
		return all, err
	})
}

func workerLabel(slot int) *dto.LabelPair {
	name, value := "worker", strconv.Itoa(slot)
	return &dto.LabelPair{Name: &name, Value: &value}
}
