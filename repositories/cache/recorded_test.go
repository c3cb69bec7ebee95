package cache_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/cache"
)

// polled returns a cache that is not started, and polls what recorded returns.
func polled(recorded func(since time.Duration, limit int) ([]cache.Recorded, error)) *cache.Cache {
	return cache.New(cache.Options{
		Client: redis.NewClient(&redis.Options{}), MaxItems: 1, MaxBytes: 1 << 10, Budget: time.Second,
		Recorded: func(_ context.Context, since time.Duration, limit int) ([]cache.Recorded, error) {
			return recorded(since, limit)
		},
	})
}

// What one poll has read the next one may read again, but it is sent once.
func TestPoll_TakesEachRecordOnce(t *testing.T) {
	all := []cache.Recorded{{ID: 1, Tags: []string{"a"}}, {ID: 2, Tags: []string{"b", "c"}}}
	c := polled(func(time.Duration, int) ([]cache.Recorded, error) { return all, nil })
	defer c.Close()
	for _, added := range []int{3, 0, 1} {
		c.Poll(t.Context())
		if n := c.TakePending(); n != added {
			t.Errorf("a poll adds %d tags, want %d", n, added)
		}
		if added == 0 {
			all = append(all, cache.Recorded{ID: 3, Tags: []string{"a"}})
		}
	}
}

// A poll reads all that has been recorded since the last one that succeeded began,
// however long ago that was; and where some may be gone by now, everything is void.
func TestPoll_MissesNothingWhileTheStoreWasAway(t *testing.T) {
	var since time.Duration
	var away error
	c := polled(func(d time.Duration, _ int) ([]cache.Recorded, error) {
		since = d
		return nil, away
	})
	defer c.Close()
	synctest.Test(t, func(t *testing.T) {
		for _, step := range []struct {
			pause      time.Duration
			away       error
			least      time.Duration
			everything bool
		}{
			{0, nil, cache.RecordsKept, false}, // the first one: all that there is
			{time.Second, nil, 2 * time.Second, false},
			{20 * time.Second, errors.New("away"), 21 * time.Second, false},
			{20 * time.Second, nil, 41 * time.Second, false},
			{time.Second, nil, 2 * time.Second, false},
			{cache.RecordsKept, errors.New("away"), 0, false},
			{time.Second, nil, cache.RecordsKept, true},
			{time.Second, nil, 2 * time.Second, false},
		} {
			time.Sleep(step.pause)
			away = step.away
			c.Poll(t.Context())
			if n := c.TakePending(); since < step.least || (n > 0) != step.everything {
				t.Errorf("%+v: read since %v, %d tags are pending", step, since, n)
			}
		}
	})
}

func TestPoll_LogsTheBeginAndTheEndOfAnOutageOnce(t *testing.T) {
	var log bytes.Buffer
	var away error
	c := cache.New(cache.Options{
		Client: redis.NewClient(&redis.Options{}), MaxItems: 1, MaxBytes: 1 << 10, Budget: time.Second,
		Log:      slog.New(slog.NewTextHandler(&log, nil)),
		Recorded: func(context.Context, time.Duration, int) ([]cache.Recorded, error) { return nil, away },
	})
	defer c.Close()
	for range 2 {
		for _, away = range []error{nil, nil, errors.New("away"), errors.New("away"), nil, nil} {
			c.Poll(t.Context())
		}
	}
	for _, line := range []string{
		`level=WARN msg="the cache cannot read the invalidations of processes that cannot reach Redis" error=away`,
		`level=INFO msg="the cache can read the invalidations of processes that cannot reach Redis again"`,
	} {
		if n := strings.Count(log.String(), line); n != 2 {
			t.Errorf("two outages: %d times %s in\n%s", n, line, &log)
		}
	}
}

// As many as a poll reads at most may not be all.
func TestPoll_OfTooManyVoidsEverything(t *testing.T) {
	c := polled(func(_ time.Duration, limit int) ([]cache.Recorded, error) {
		return make([]cache.Recorded, limit), nil
	})
	defer c.Close()
	if c.Poll(t.Context()); c.Pending() != 1 {
		t.Errorf("%d tags are pending, want the one of everything", c.Pending())
	}
}
