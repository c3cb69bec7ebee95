package console

import (
	"iter"
	"slices"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
)

const (
	step        = 2 * time.Second
	steps       = 450 // 15 minutes
	recentSteps = 30  // of which rates and percentiles are made
)

// The metrics whose growth is remembered.
const (
	requestsTotal     = "prefab_http_requests_total"
	requestDuration   = "prefab_http_request_duration_seconds"
	queryDuration     = "prefab_sql_query_duration_seconds"
	cacheLookups      = "prefab_cache_lookups_total"
	limitedRequests   = "prefab_rate_limit_requests_total"
	deniedSignIns     = "prefab_sign_in_denied_total"
	poolWaits         = "go_sql_wait_count_total"
	redisPoolTimeouts = "prefab_redis_pool_timeouts_total"
	cpuSeconds        = "process_cpu_seconds_total"
)

var remembered = []string{
	requestsTotal, requestDuration, queryDuration, cacheLookups, limitedRequests, deniedSignIns,
	poolWaits, redisPoolTimeouts, cpuSeconds,
}

// history is a ring of steps: how much each counter grew in it. A counter that did not grow
// takes no memory, and there are no more of them than /metrics has.
type history struct {
	mu     sync.Mutex
	ids    map[string]int
	series []*series
	ring   [steps][]growth
	newest int64 // the number of the newest step; 0: none yet
}

// growth is how much one value of a series grew.
type growth struct {
	series int32
	value  int32
	n      float32
}

// series is a counter or a histogram. Its values are the count; or the number of
// observations in each bucket, and their sum at last.
type series struct {
	family string
	labels map[string]string
	bounds []float64 // of the buckets but the last
	values []float64 // at the newest step
}

// stepOf is the number of the step that t is in, the same on all nodes.
func stepOf(t time.Time) int64 { return t.UnixNano() / int64(step) }

// record puts the growth of the counters since the last call into the step of now.
func (h *history) record(now time.Time, families iter.Seq[*dto.MetricFamily]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first, number := h.newest == 0, stepOf(now)
	if first {
		h.ids, h.newest = make(map[string]int), number
	}
	for h.newest = max(h.newest, number-steps); h.newest < number; { // at most all: the machine may have slept
		h.newest++
		h.ring[h.newest%steps] = h.ring[h.newest%steps][:0]
	}
	at := &h.ring[h.newest%steps]
	for family := range families {
		if !slices.Contains(remembered, family.GetName()) {
			continue
		}
		for _, metric := range family.GetMetric() {
			id, values := h.find(family.GetName(), metric), valuesOf(metric)
			for i, before := range h.series[id].values {
				if n := values[i] - before; n > 0 && !first {
					*at = append(*at, growth{int32(id), int32(i), float32(n)})
				}
			}
			h.series[id].values = values
		}
	}
}

// find returns the id of the metric's series.
func (h *history) find(family string, metric *dto.Metric) int {
	key := []byte(family)
	for _, l := range metric.GetLabel() { // in order, and of the same names within a family
		key = append(append(key, 0), l.GetValue()...)
	}
	id, known := h.ids[string(key)]
	if !known {
		s := &series{family: family, labels: make(map[string]string), values: make([]float64, len(valuesOf(metric)))}
		for _, l := range metric.GetLabel() {
			s.labels[l.GetName()] = l.GetValue()
		}
		for _, b := range metric.GetHistogram().GetBucket() {
			s.bounds = append(s.bounds, b.GetUpperBound())
		}
		id = len(h.series)
		h.ids[string(key)], h.series = id, append(h.series, s)
	}
	return id
}

func valuesOf(metric *dto.Metric) []float64 {
	histogram := metric.GetHistogram()
	if histogram == nil {
		return []float64{metric.GetCounter().GetValue()}
	}
	values, below := make([]float64, 0, len(histogram.GetBucket())+2), uint64(0)
	for _, b := range histogram.GetBucket() {
		values = append(values, float64(b.GetCumulativeCount()-below))
		below = b.GetCumulativeCount()
	}
	return append(values, float64(histogram.GetSampleCount()-below), histogram.GetSampleSum())
}

// visit calls f for all that grew in the last n steps, with the age of its step: 0 for the
// newest, whose number it returns. The newest step is not over yet.
func (h *history) visit(n int, f func(age int, s *series, value int, grown float64)) (newest int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.newest == 0 {
		return 0
	}
	for age := range min(n, steps) {
		for _, g := range h.ring[(h.newest-int64(age))%steps] {
			f(age, h.series[g.series], int(g.value), float64(g.n))
		}
	}
	return h.newest
}
