package writebehind

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

var (
	pendingKeys = prometheus.NewDesc("prefab_write_behind_pending",
		"Keys that wait to be stored.", nil, nil)
	deadLetters = prometheus.NewDesc("prefab_write_behind_dead_letters",
		"Keys that cannot be stored.", nil, nil)
	oldestSeconds = prometheus.NewDesc("prefab_write_behind_oldest_seconds",
		"How long the first key has waited.", nil, nil)
)

type metrics struct {
	puts     *prometheus.CounterVec
	outcomes map[string]prometheus.Counter // of a flush
	batches  prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		puts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prefab_write_behind_puts_total", Help: "Writes offered to the buffer, by outcome.",
		}, []string{"outcome"}),
		outcomes: make(map[string]prometheus.Counter),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "prefab_write_behind_batch_duration_seconds", Help: "Time to store a batch.",
			Buckets: prometheus.ExponentialBuckets(.001, 2.5, 10),
		}),
	}
	reg.MustRegister(m.puts, m.batches)
	for outcome, help := range map[string]string{
		stored:       "Writes that were stored and have left the buffer.",
		gone:         "Writes that were dropped: what they are about no longer exists.",
		raised:       "Writes that got a higher version: the store's was ahead of Redis' clock.",
		outdated:     "Old writes, brought back by Redis, that were dropped: the store had newer ones.",
		deadLettered: "Writes that became dead letters.",
	} {
		name := "prefab_write_behind_" + outcome + "_total"
		counter := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.outcomes[outcome] = counter
		reg.MustRegister(counter)
	}
	return m
}

// gauges are read from Redis by a scrape: all processes share the buffer.
type gauges struct {
	client        redis.UniversalClient
	pending, dead queue
}

const scrapeTimeout = 500 * time.Millisecond

// Describe is part of prometheus.Collector. It describes nothing: what Collect gives varies.
func (gauges) Describe(chan<- *prometheus.Desc) {}

// Collect is part of prometheus.Collector. While Redis is down there are no gauges.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	pipe := g.client.Pipeline()
	pending, dead := pipe.HLen(ctx, g.pending.texts), pipe.HLen(ctx, g.dead.texts)
	first, now := pipe.ZRangeWithScores(ctx, g.pending.order, 0, 0), pipe.Time(ctx)
	if _, err := pipe.Exec(ctx); err != nil {
		return
	}
	var age time.Duration
	if oldest := first.Val(); len(oldest) > 0 {
		age = max(0, now.Val().Sub(time.UnixMicro(int64(oldest[0].Score))))
	}
	gauge := func(desc *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	gauge(pendingKeys, float64(pending.Val()))
	gauge(deadLetters, float64(dead.Val()))
	gauge(oldestSeconds, age.Seconds())
}
