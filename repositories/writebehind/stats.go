package writebehind

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Stats is the state of a buffer.
type Stats struct {
	Pending     int64         // keys that wait
	DeadLetters int64         // keys that cannot be stored
	Oldest      time.Duration // how long the first key has waited
}

// Stats asks Redis for the state.
func (b *Buffer[K, V]) Stats(ctx context.Context) (Stats, error) {
	var pending, dead *redis.IntCmd
	var first *redis.ZSliceCmd
	var now *redis.TimeCmd
	_, err := b.options.Client.Pipelined(ctx, func(p redis.Pipeliner) error {
		pending, dead = p.HLen(ctx, b.pending.texts), p.HLen(ctx, b.dead.texts)
		first, now = p.ZRangeWithScores(ctx, b.pending.order, 0, 0), p.Time(ctx)
		return nil
	})
	if err != nil {
		return Stats{}, unavailable("ask what waits", err)
	}
	s := Stats{Pending: pending.Val(), DeadLetters: dead.Val()}
	if oldest := first.Val(); len(oldest) > 0 {
		s.Oldest = max(now.Val().Sub(time.UnixMicro(int64(oldest[0].Score))), 0)
	}
	return s, nil
}

type metrics struct {
	puts                                         *prometheus.CounterVec
	stored, gone, raised, outdated, deadLettered prometheus.Counter
	batches                                      prometheus.Histogram
}

func newMetrics(name string, reg prometheus.Registerer, stats func(context.Context) (Stats, error)) *metrics {
	label := prometheus.Labels{"buffer": name}
	options := func(metric, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Name: "prefab_write_behind_" + metric + "_total", Help: help, ConstLabels: label}
	}
	counter := func(metric, help string) prometheus.Counter { return prometheus.NewCounter(options(metric, help)) }
	m := &metrics{
		puts: prometheus.NewCounterVec(
			options("puts", "Writes offered to the buffer, by outcome."), []string{"outcome"}),
		stored:       counter("stored", "Writes that were stored and have left the buffer."),
		gone:         counter("gone", "Writes that were dropped: what they are about no longer exists."),
		raised:       counter("raised", "Writes that got a higher version: the store's was ahead of Redis' clock."),
		outdated:     counter("outdated", "Old writes, brought back by Redis, that were dropped: the store had newer ones."),
		deadLettered: counter("dead_lettered", "Writes that became dead letters."),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "prefab_write_behind_batch_duration_seconds", Help: "Time to store a batch.", ConstLabels: label,
			Buckets: prometheus.ExponentialBuckets(.001, 2.5, 10),
		}),
	}
	if reg != nil {
		describe := func(metric, help string) *prometheus.Desc {
			return prometheus.NewDesc("prefab_write_behind_"+metric, help, nil, label)
		}
		reg.MustRegister(m.puts, m.stored, m.gone, m.raised, m.outdated, m.deadLettered, m.batches, &gauges{
			stats:   stats,
			pending: describe("pending", "Keys that wait to be stored."),
			dead:    describe("dead_letters", "Keys that cannot be stored."),
			oldest:  describe("oldest_seconds", "How long the first key has waited."),
		})
	}
	return m
}

// gauges are read from Redis by a scrape: all processes share the buffer.
type gauges struct {
	stats                 func(context.Context) (Stats, error)
	pending, dead, oldest *prometheus.Desc
}

const scrapeTimeout = 500 * time.Millisecond

// Describe is part of prometheus.Collector.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	to <- g.pending
	to <- g.dead
	to <- g.oldest
}

// Collect is part of prometheus.Collector. While Redis is away there are no gauges.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	s, err := g.stats(ctx)
	if err != nil {
		return
	}
	to <- prometheus.MustNewConstMetric(g.pending, prometheus.GaugeValue, float64(s.Pending))
	to <- prometheus.MustNewConstMetric(g.dead, prometheus.GaugeValue, float64(s.DeadLetters))
	to <- prometheus.MustNewConstMetric(g.oldest, prometheus.GaugeValue, s.Oldest.Seconds())
}
