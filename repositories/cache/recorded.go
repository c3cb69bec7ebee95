package cache

import (
	"context"
	"fmt"
	"time"

	"example.com/prefab/services/problem"
)

const (
	// PollInterval is how often each process reads the recorded invalidations.
	PollInterval = time.Second
	// RecordsKept is how long, at least, an invalidation has to stay recorded.
	RecordsKept = time.Minute

	recordTimeout = time.Second     // to record one, or to read those of a poll
	recordDelay   = 3 * time.Second // until a recorded one can be read, at most
	maxRecorded   = 1000            // that one poll reads
)

// Recorded is an invalidation that could not be sent by Redis.
type Recorded struct {
	ID    int64
	Tags  []string
	Lasts time.Duration // what is left of the write's time; none where it is over
}

// record tells all processes of a change by the store, since Redis could not be
// told. This process sends it by Redis as well, as soon as it can.
func (c *Cache) record(ctx context.Context, tags []string, lasts time.Duration) error {
	c.owe(tags, time.Now().Add(lasts))
	if c.options.Record == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := c.options.Record(ctx, tags, lasts); err != nil {
		return fmt.Errorf("tell other processes of a change: %w: %w", problem.ErrUnavailable, err)
	}
	return nil
}

// records follows what other processes record.
type records struct {
	read   time.Time // when the last poll that succeeded began
	seen   map[int64]bool
	failed bool
}

// followRecords polls until ctx ends.
func (c *Cache) followRecords(ctx context.Context) {
	ticker := time.NewTicker(PollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.poll(ctx)
		}
	}
}

// poll takes over the invalidations that were recorded since the last poll. Every
// process sends all of them by Redis: it need not know who else can reach it.
func (c *Cache) poll(ctx context.Context) {
	r, begin := &c.records, time.Now()
	since := RecordsKept
	if !r.read.IsZero() {
		since = begin.Sub(r.read) + recordDelay
	}
	limited, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	found, err := c.options.Recorded(limited, since, maxRecorded)
	if err != nil {
		if !r.failed && ctx.Err() == nil {
			c.options.Log.Warn("the cache cannot read the invalidations of processes that cannot reach Redis", "error", err)
		}
		r.failed = true
		return
	}
	seen, now := make(map[int64]bool, len(found)), time.Now()
	var longest time.Duration
	for _, one := range found {
		if longest = max(longest, one.Lasts); !r.seen[one.ID] {
			c.owe(one.Tags, now.Add(one.Lasts))
		}
		seen[one.ID] = true
	}
	if len(found) == maxRecorded || since > RecordsKept { // there may be more, or there may have been
		c.owe([]string{Everything}, now.Add(longest))
	}
	if r.failed {
		c.options.Log.Info("the cache can read the invalidations of processes that cannot reach Redis again")
	}
	r.read, r.seen, r.failed = begin, seen, false
}
