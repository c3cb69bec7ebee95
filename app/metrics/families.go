package metrics

import (
	"cmp"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
)

// familySums are sums by the family's name.
type familySums map[string]*sum

// sum is one family's series by their labels.
type sum struct {
	name, help string
	kind       dto.MetricType
	series     map[string]*dto.Metric
}

func (all familySums) sum(f *dto.MetricFamily) *sum {
	s := all[f.GetName()]
	if s == nil {
		s = &sum{name: f.GetName(), help: f.GetHelp(), kind: f.GetType(), series: map[string]*dto.Metric{}}
		all[f.GetName()] = s
	}
	return s
}

// count adds counters and histograms. Quantiles of summaries cannot be added,
// their counts and sums can.
func (all familySums) count(families []*dto.MetricFamily) {
	for _, f := range families {
		if t := f.GetType(); t != dto.MetricType_COUNTER && t != dto.MetricType_HISTOGRAM && t != dto.MetricType_SUMMARY {
			continue
		}
		s := all.sum(f)
		for _, metric := range f.GetMetric() {
			key := labelKey(metric.GetLabel())
			if s.series[key] == nil {
				s.series[key] = zero(metric)
			}
			add(s.series[key], metric)
		}
	}
}

// show adds gauges with the worker's label.
func (all familySums) show(families []*dto.MetricFamily, slot int) {
	for _, f := range families {
		if t := f.GetType(); t != dto.MetricType_GAUGE && t != dto.MetricType_UNTYPED {
			continue
		}
		s := all.sum(f)
		for _, metric := range f.GetMetric() {
			shown := proto.CloneOf(metric)
			shown.Label = append(shown.Label, workerLabel(slot))
			s.series[labelKey(shown.Label)] = shown
		}
	}
}

// family returns the sum as a registry would, its series in order.
func (s *sum) family() *dto.MetricFamily {
	f := &dto.MetricFamily{Name: &s.name, Help: &s.help, Type: &s.kind}
	for _, metric := range s.series {
		f.Metric = append(f.Metric, metric)
	}
	slices.SortFunc(f.Metric, func(a, b *dto.Metric) int { return cmp.Compare(labelKey(a.Label), labelKey(b.Label)) })
	return f
}

// zero returns a series of the same kind and labels that has counted nothing.
func zero(like *dto.Metric) *dto.Metric {
	m := &dto.Metric{}
	for _, l := range like.GetLabel() {
		m.Label = append(m.Label, proto.CloneOf(l))
	}
	switch {
	case like.Counter != nil:
		m.Counter = &dto.Counter{Value: new(float64)}
	case like.Histogram != nil:
		m.Histogram = &dto.Histogram{SampleCount: new(uint64), SampleSum: new(float64)}
	case like.Summary != nil:
		m.Summary = &dto.Summary{SampleCount: new(uint64), SampleSum: new(float64)}
	}
	return m
}

func add(to, from *dto.Metric) {
	switch {
	case to.Counter != nil && from.Counter != nil:
		*to.Counter.Value += from.Counter.GetValue()
	case to.Histogram != nil && from.Histogram != nil:
		*to.Histogram.SampleCount += from.Histogram.GetSampleCount()
		*to.Histogram.SampleSum += from.Histogram.GetSampleSum()
		addBuckets(to.Histogram, from.Histogram)
	case to.Summary != nil && from.Summary != nil:
		*to.Summary.SampleCount += from.Summary.GetSampleCount()
		*to.Summary.SampleSum += from.Summary.GetSampleSum()
	}
}

func addBuckets(to, from *dto.Histogram) {
	for _, b := range from.GetBucket() {
		i, found := slices.BinarySearchFunc(to.Bucket, b.GetUpperBound(), func(t *dto.Bucket, bound float64) int {
			return cmp.Compare(t.GetUpperBound(), bound)
		})
		if !found {
			bound := b.GetUpperBound()
			to.Bucket = slices.Insert(to.Bucket, i, &dto.Bucket{UpperBound: &bound, CumulativeCount: new(uint64)})
		}
		*to.Bucket[i].CumulativeCount += b.GetCumulativeCount()
	}
}

// monotonicTotals are the highest values that were served. The order of an addition changes
// a sum of fractions a little, and Prometheus takes any decrease for a counter's reset.
type monotonicTotals map[string]float64

func (f monotonicTotals) raise(sums familySums) {
	for name, s := range sums {
		for key, metric := range s.series {
			var value *float64
			switch {
			case metric.Counter != nil:
				value = metric.Counter.Value
			case metric.Histogram != nil:
				value = metric.Histogram.SampleSum
			default:
				continue
			}
			id := name + "\x00" + key
			*value = max(*value, f[id])
			f[id] = *value
		}
	}
}

// labelKey is the labels in one string; registries give them in order.
func labelKey(labels []*dto.LabelPair) string {
	var key strings.Builder
	for _, l := range labels {
		key.WriteString(l.GetName())
		key.WriteByte(0)
		key.WriteString(l.GetValue())
		key.WriteByte(0)
	}
	return key.String()
}
