package writebehind

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Stats is how a buffer is doing.
type Stats struct {
	Pending     int64         // keys that wait
	DeadLetters int64         // keys that cannot be stored
	Oldest      time.Duration // what the first one has waited
}

// Stats asks Redis.
func (b *Buffer[K, V]) Stats(ctx context.Context) (Stats, error) {
	var pending, dead *redis.IntCmd
	var first *redis.ZSliceCmd
	var now *redis.TimeCmd
	_, err := b.options.Client.Pipelined(ctx, func(p redis.Pipeliner) error {
		pending, dead = p.HLen(ctx, b.data), p.HLen(ctx, b.dead)
		first, now = p.ZRangeWithScores(ctx, b.dirty, 0, 0), p.Time(ctx)
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
	puts                                *prometheus.CounterVec
	stored, restamped, outdated, buried prometheus.Counter
	batches                             prometheus.Histogram
}

func newMetrics(name string, reg prometheus.Registerer, stats func(context.Context) (Stats, error)) *metrics {
	label := prometheus.Labels{"buffer": name}
	count := func(metric, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{
			Name: "prefab_write_behind_" + metric + "_total", Help: help, ConstLabels: label,
		})
	}
	m := &metrics{
		puts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prefab_write_behind_puts_total", Help: "Writes offered to the buffer, by what became of them.",
			ConstLabels: label,
		}, []string{"outcome"}),
		stored:    count("stored", "Writes that were stored and have left the buffer."),
		restamped: count("restamped", "Writes that got a new version, since the store's was ahead of Redis' clock."),
		outdated:  count("outdated", "Old writes, brought back by Redis, that were dropped: the store had newer ones."),
		buried:    count("buried", "Writes that became dead letters."),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "prefab_write_behind_batch_duration_seconds", Help: "Time to store a batch.", ConstLabels: label,
			Buckets: prometheus.ExponentialBuckets(.001, 2.5, 10),
		}),
	}
	if reg != nil {
		reg.MustRegister(m.puts, m.stored, m.restamped, m.outdated, m.buried, m.batches, newGauges(label, stats))
	}
	return m
}

// scrapePatience is what a scrape of the metrics waits for Redis.
const scrapePatience = 500 * time.Millisecond

// gauges are asked for when they are wanted: the buffer is all processes'.
type gauges struct {
	stats                 func(context.Context) (Stats, error)
	pending, dead, oldest *prometheus.Desc
}

func newGauges(label prometheus.Labels, stats func(context.Context) (Stats, error)) *gauges {
	describe := func(metric, help string) *prometheus.Desc {
		return prometheus.NewDesc("prefab_write_behind_"+metric, help, nil, label)
	}
	return &gauges{
		stats:   stats,
		pending: describe("pending", "Keys that wait to be stored."),
		dead:    describe("dead_letters", "Keys that cannot be stored."),
		oldest:  describe("oldest_seconds", "What the first of the keys has waited."),
	}
}

// Describe is part of prometheus.Collector.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	to <- g.pending
	to <- g.dead
	to <- g.oldest
}

// Collect is part of prometheus.Collector. While Redis is away, there is nothing to say.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	s, err := g.stats(ctx)
	if err != nil {
		return
	}
	to <- prometheus.MustNewConstMetric(g.pending, prometheus.GaugeValue, float64(s.Pending))
	to <- prometheus.MustNewConstMetric(g.dead, prometheus.GaugeValue, float64(s.DeadLetters))
	to <- prometheus.MustNewConstMetric(g.oldest, prometheus.GaugeValue, s.Oldest.Seconds())
}
