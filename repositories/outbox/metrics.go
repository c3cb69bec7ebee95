package outbox

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
)

var (
	waiting = prometheus.NewDesc("prefab_outbox_waiting", "Items that wait to be delivered.", nil, nil)
	oldest  = prometheus.NewDesc("prefab_outbox_oldest_seconds", "How long the oldest of them has waited.", nil, nil)
	givenUp = prometheus.NewDesc("prefab_outbox_given_up", "Items that were given up.", nil, nil)
)

// gauges are read from PostgreSQL by a scrape: all processes share the outbox.
type gauges struct{ db *sqlx.DB }

const scrapeTimeout = 500 * time.Millisecond

const countItems = `-- name: outbox.count
SELECT count(*) FILTER (WHERE NOT given_up) AS waiting, count(*) FILTER (WHERE given_up) AS given_up,
    coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE NOT given_up)), 0)::float8 AS oldest
FROM outbox`

// Describe is part of prometheus.Collector. It describes nothing: what Collect gives varies.
func (gauges) Describe(chan<- *prometheus.Desc) {}

// Collect is part of prometheus.Collector. While PostgreSQL is down there are no gauges.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	var count struct{ Waiting, GivenUp, Oldest float64 }
	if g.db.GetContext(ctx, &count, countItems) != nil {
		return
	}
	for desc, value := range map[*prometheus.Desc]float64{
		waiting: count.Waiting, oldest: max(0, count.Oldest), givenUp: count.GivenUp,
	} {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
}
