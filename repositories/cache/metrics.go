package cache

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	lookups       *prometheus.CounterVec
	refused       prometheus.Counter
	invalidations *prometheus.CounterVec
}

type lookupCounters struct{ memory, redis, miss, stale prometheus.Counter }

func newMetrics(r prometheus.Registerer) metrics {
	f := promauto.With(r)
	return metrics{
		lookups: f.NewCounterVec(prometheus.CounterOpts{
			Name: "prefab_cache_lookups_total",
			Help: "Look-ups in the two-level cache, by where the value was found.",
		}, []string{"table", "found"}),
		refused: f.NewCounter(prometheus.CounterOpts{
			Name: "prefab_cache_refused_fills_total",
			Help: "Loaded values that were not cached, since a write ran meanwhile.",
		}),
		invalidations: f.NewCounterVec(prometheus.CounterOpts{
			Name: "prefab_cache_invalidations_total",
			Help: "Invalidations, by whether they could be sent to Redis.",
		}, []string{"sent"}),
	}
}

func (m metrics) forTable(table string) lookupCounters {
	found := func(where string) prometheus.Counter { return m.lookups.WithLabelValues(table, where) }
	return lookupCounters{found("memory"), found("redis"), found("miss"), found("stale")}
}

func (m metrics) invalidated(err error) {
	sent := "yes"
	if err != nil {
		sent = "no"
	}
	m.invalidations.WithLabelValues(sent).Inc()
}
