// Package ratelimit counts events in Redis, so that all processes of the service share the
// counts. A count ends with its window, which begins at the first event.
//
//	limiter := ratelimit.New(client, time.Minute)
//	wait, err := limiter.Hit(ctx, "myservice:export:"+user, 10)
//	switch {
//	case err != nil:
//		return err // Redis is down: a problem.ErrUnavailable
//	case wait > 0:
//		return tooMany(wait) // the limit is exceeded until then
//	}
package ratelimit

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/problem"
)

// Limiter counts events by key.
type Limiter struct {
	redis  redis.UniversalClient
	window time.Duration
}

// New returns a limiter that counts in client.
func New(client redis.UniversalClient, window time.Duration) *Limiter {
	return &Limiter{redis: client, window: window}
}

// Counting and expiry are one step. Otherwise a crash between them would leave a count that
// never ends, and parallel events that read the count first would exceed the limit.
var hit = redis.NewScript(`
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {n, redis.call('PTTL', KEYS[1])}`)

// Hit counts an event. If there are more than limit in the window it returns how long it
// lasts until the window ends, else 0.
func (l *Limiter) Hit(ctx context.Context, key string, limit int64) (wait time.Duration, err error) {
	reply, err := hit.Run(ctx, l.redis, []string{key}, l.window.Milliseconds()).Int64Slice()
	if err != nil {
		return 0, unavailable("count an event", err)
	}
	if n, left := reply[0], time.Duration(reply[1])*time.Millisecond; n > limit {
		return max(left, time.Second), nil
	}
	return 0, nil
}

// A count that has ended meanwhile must not begin again, at -1 and without an end.
var refund = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('DECR', KEYS[1]) end
return 0`)

// Refund takes one event off each count.
func (l *Limiter) Refund(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := refund.Run(ctx, l.redis, []string{key}).Err(); err != nil {
			return unavailable("take an event off a count", err)
		}
	}
	return nil
}

// Reset ends a count.
func (l *Limiter) Reset(ctx context.Context, key string) error {
	if err := l.redis.Del(ctx, key).Err(); err != nil {
		return unavailable("end a count", err)
	}
	return nil
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, problem.ErrUnavailable, err)
}
