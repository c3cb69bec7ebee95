package cache

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/tracing"
)

const failuresToOpen = 3 // in a row

// circuit is the circuit breaker between this process and Redis. It opens for reads when
// Redis is slow, so that requests do not wait. It also opens for writes when an invalidation
// could not be sent: a Redis that is merely slow gets every invalidation. No request
// tries whether Redis is well again, [Cache.maintain] does.
type circuit struct {
	readsOff  atomic.Bool
	writesOff atomic.Bool // then reads are off too
	failures  atomic.Int32
	logged    atomic.Bool // that Redis is not used
	wake      chan struct{}
	log       *slog.Logger
}

// open opens the circuit for reads, and logs it once per outage.
func (b *circuit) open(reason string) {
	b.readsOff.Store(true)
	if !b.logged.Swap(true) {
		b.log.Warn("the cache has stopped using Redis: " + reason)
		b.retry()
	}
}

// openForWrites opens the circuit for reads and writes.
func (b *circuit) openForWrites() {
	b.writesOff.Store(true)
	b.open("an invalidation could not be sent")
}

// retry wakes [Cache.maintain].
func (b *circuit) retry() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// close is called after Redis has answered a probe. Reads go on only if the answer came
// within the budget of a request, or the circuit would open again.
func (b *circuit) close(after, budget time.Duration) {
	b.writesOff.Store(false)
	if after > budget {
		return
	}
	if b.logged.Swap(false) {
		b.log.Info("the cache uses Redis again")
	}
	b.failures.Store(0)
	b.readsOff.Store(false)
}

var (
	errUnused = errors.New("the circuit to redis is open")
	errBudget = errors.New("the request has used its budget for redis")
)

// usable reports whether the entries in Redis may be read.
func (c *Cache) usable() bool { return !c.circuit.readsOff.Load() && c.pending.none() }

// read is Call for the entries in Redis.
func (c *Cache) read(ctx context.Context, call func(context.Context) error) error {
	if !c.usable() {
		return errUnused
	}
	return c.Call(ctx, call)
}

// Call calls Redis as the cache does: within the budget of ctx's request, and not at all
// while Redis is slow or down.
func (c *Cache) Call(ctx context.Context, call func(context.Context) error) error {
	if c.circuit.readsOff.Load() {
		return errUnused
	}
	trace := tracing.From(ctx)
	left := c.options.Budget - trace.WaitedForCache(0)
	if left <= 0 {
		return errBudget
	}
	limited, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	begin := time.Now()
	err := call(limited)
	trace.WaitedForCache(time.Since(begin))
	switch {
	case err == nil || errors.Is(err, redis.Nil):
		c.circuit.failures.Store(0)
		return nil
	case ctx.Err() != nil || left <= c.options.Budget/2: // the caller had no time for Redis
	case c.circuit.failures.Add(1) >= failuresToOpen:
		c.circuit.open("it is slow")
	}
	return err
}
