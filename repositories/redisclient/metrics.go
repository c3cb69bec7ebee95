package redisclient

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

var (
	connections = prometheus.NewDesc("prefab_redis_pool_connections",
		"Connections to Redis, by whether they are in use.", []string{"state"}, nil)
	timeouts = prometheus.NewDesc("prefab_redis_pool_timeouts_total",
		"Calls that got no connection in time.", nil, nil)
	dials = prometheus.NewDesc("prefab_redis_pool_dials_total",
		"Calls that found no idle connection.", nil, nil)
)

// PoolMetrics collects the state of a client's pool.
func PoolMetrics(client redis.UniversalClient) prometheus.Collector { return pool{client} }

type pool struct{ client redis.UniversalClient }

func (pool) Describe(out chan<- *prometheus.Desc) {
	out <- connections
	out <- timeouts
	out <- dials
}

func (p pool) Collect(out chan<- prometheus.Metric) {
	s := p.client.PoolStats()
	gauge := func(state string, n uint32) {
		out <- prometheus.MustNewConstMetric(connections, prometheus.GaugeValue, float64(n), state)
	}
	gauge("idle", s.IdleConns)
	gauge("in_use", s.TotalConns-min(s.IdleConns, s.TotalConns))
	out <- prometheus.MustNewConstMetric(timeouts, prometheus.CounterValue, float64(s.Timeouts))
	out <- prometheus.MustNewConstMetric(dials, prometheus.CounterValue, float64(s.Misses))
}
