package cache

import (
	"context"
	"fmt"
	"time"

	"example.com/prefab/services/problem"
)

const (
	// RecordsKept is how long, at least, an invalidation has to stay recorded.
	RecordsKept = time.Minute

	pollInterval  = time.Second
	recordTimeout = time.Second     // to write a record, or to read those of a poll
	recordDelay   = 3 * time.Second // until a record can be read, at most
	maxRecords    = 1000            // that one poll reads
)

// Recorded is an invalidation that its process could not send to Redis.
type Recorded struct {
	ID    int64
	Tags  []string
	Lasts time.Duration // the rest of the write's time; 0 if it is over
}

// record tells all processes of an invalidation by the store, since Redis could not be
// reached. This process sends it to Redis as well, as soon as it can.
func (c *Cache) record(ctx context.Context, tags []string, lasts time.Duration) error {
	c.postpone(lasts, tags...)
	if c.options.Record == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := c.options.Record(ctx, tags, lasts); err != nil {
		return fmt.Errorf("record an invalidation for other processes: %w: %w", problem.ErrUnavailable, err)
	}
	return nil
}

// records are what other processes record.
type records struct {
	read   time.Time // when the last successful poll began
	seen   map[int64]bool
	failed bool
}

func (c *Cache) followRecords(ctx context.Context) {
	for sleep(ctx, pollInterval) {
		c.readRecords(ctx)
	}
}

// readRecords takes the invalidations that were recorded since the last poll. Every
// process sends all of them to Redis: it does not know which others can reach it.
func (c *Cache) readRecords(ctx context.Context) {
	r, begin, since := &c.records, time.Now(), RecordsKept
	if !r.read.IsZero() {
		since = begin.Sub(r.read) + recordDelay
	}
	limited, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	found, err := c.options.Recorded(limited, since, maxRecords)
	if failed := err != nil; failed != r.failed && ctx.Err() == nil {
		if failed {
			c.options.Log.Warn("the cache cannot read the invalidations of processes that cannot reach Redis", "error", err)
		} else {
			c.options.Log.Info("the cache can read the invalidations of processes that cannot reach Redis again")
		}
		r.failed = failed
	}
	if err != nil {
		return
	}
	seen := make(map[int64]bool, len(found))
	var longest time.Duration
	for _, one := range found {
		if longest = max(longest, one.Lasts); !r.seen[one.ID] {
			c.postpone(one.Lasts, one.Tags...)
		}
		seen[one.ID] = true
	}
	if len(found) == maxRecords || since > RecordsKept { // there may be more, or older ones may be deleted
		c.postpone(longest, Everything)
	}
	r.read, r.seen = begin, seen
}
