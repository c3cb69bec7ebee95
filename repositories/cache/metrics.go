package cache

import "github.com/prometheus/client_golang/prometheus"

// metrics count what the cache does. Tables are constants in the code, so the
// labels are bounded.
type metrics struct {
	found         *prometheus.CounterVec
	refused       prometheus.Counter
	invalidations *prometheus.CounterVec
}

// lookups are the counters of one table.
type lookups struct{ memory, redis, missed, stale prometheus.Counter }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		found: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prefab_cache_lookups_total",
			Help: "Look-ups in the two-level cache, by where the value was found.",
		}, []string{"table", "found"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "prefab_cache_refused_fills_total",
			Help: "Loaded values that were not kept, since something was changing meanwhile.",
		}),
		invalidations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prefab_cache_invalidations_total",
			Help: "Invalidations, by whether Redis could be told.",
		}, []string{"told"}),
	}
	if reg != nil {
		reg.MustRegister(m.found, m.refused, m.invalidations)
	}
	return m
}

func (m *metrics) lookups(table string) lookups {
	return lookups{
		memory: m.found.WithLabelValues(table, "memory"),
		redis:  m.found.WithLabelValues(table, "redis"),
		missed: m.found.WithLabelValues(table, "nowhere"),
		stale:  m.found.WithLabelValues(table, "stale"),
	}
}

func (m *metrics) invalidated(err error) {
	told := "yes"
	if err != nil {
		told = "no"
	}
	m.invalidations.WithLabelValues(told).Inc()
}
