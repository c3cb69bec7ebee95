package repositories

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

var (
	redisConns = prometheus.NewDesc("prefab_redis_pool_connections",
		"Connections to Redis, by whether they are in use.", []string{"state"}, nil)
	redisTimeouts = prometheus.NewDesc("prefab_redis_pool_timeouts_total",
		"Calls that got no connection in time.", nil, nil)
	redisMisses = prometheus.NewDesc("prefab_redis_pool_dials_total",
		"Calls that found no idle connection.", nil, nil)
)

// RedisPoolMetrics collects the state of a client's pool.
func RedisPoolMetrics(client redis.UniversalClient) prometheus.Collector { return redisPool{client} }

type redisPool struct{ client redis.UniversalClient }

func (redisPool) Describe(out chan<- *prometheus.Desc) {
	out <- redisConns
	out <- redisTimeouts
	out <- redisMisses
}

func (p redisPool) Collect(out chan<- prometheus.Metric) {
	s := p.client.PoolStats()
	gauge := func(state string, n uint32) {
		out <- prometheus.MustNewConstMetric(redisConns, prometheus.GaugeValue, float64(n), state)
	}
	gauge("idle", s.IdleConns)
	gauge("in_use", s.TotalConns-min(s.IdleConns, s.TotalConns))
	out <- prometheus.MustNewConstMetric(redisTimeouts, prometheus.CounterValue, float64(s.Timeouts))
	out <- prometheus.MustNewConstMetric(redisMisses, prometheus.CounterValue, float64(s.Misses))
}
