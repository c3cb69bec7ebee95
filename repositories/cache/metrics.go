package cache

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	lookups, invalidations *prometheus.CounterVec
	refused                prometheus.Counter
}

type lookupCounters struct{ memory, redis, miss, stale prometheus.Counter }

func newMetrics(r prometheus.Registerer) metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return promauto.With(r).NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return metrics{
		lookups: counter("prefab_cache_lookups_total",
			"Look-ups in the two-level cache, by where the value was found.", "table", "found"),
		invalidations: counter("prefab_cache_invalidations_total",
			"Invalidations, by whether they could be sent to Redis.", "sent"),
		refused: counter("prefab_cache_refused_fills_total",
			"Loaded values that were not cached, since a write ran meanwhile.").WithLabelValues(),
	}
}

func (m metrics) forTable(table string) lookupCounters {
	found := func(where string) prometheus.Counter { return m.lookups.WithLabelValues(table, where) }
	return lookupCounters{found("memory"), found("redis"), found("miss"), found("stale")}
}

func (m metrics) invalidated(err error) {
	m.invalidations.WithLabelValues(strconv.FormatBool(err == nil)).Inc()
}
