// Package cache keeps values in two levels: in the process's memory, and in a
// Redis that all processes share. What it promises is in docs/caching.md; in
// short: nobody reads an older value once a write has been answered, but for the
// milliseconds that word of it takes to other processes.
//
// Values belong to tags, such as "product:42" or "products". Each tag has a
// generation in Redis, a random number that is stored with every value of the tag.
// Invalidating a tag drops its generation, so the next one is another, and every
// value that was loaded under the old one is worthless, however many there are
// and wherever they lie. A load notes the generations before it begins; so what
// it read before a write can never pass for what is read after.
package cache

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/services/tracing"
)

// Options say how much a Cache may take.
type Options struct {
	Client     redis.UniversalClient
	Prefix     string        // of every key in Redis
	MemoryTTL  time.Duration // the longest a value stays in memory
	MaxItems   int           // in memory
	MaxBytes   int64         // in memory, by the length of what Redis holds
	ValueLimit int           // bytes of one value; a longer one is not kept
	Budget     time.Duration // what one request may wait for reads of Redis in all

	// Record and Recorded are another way to all processes, for the invalidations
	// of a process that cannot reach Redis: a store that whoever writes needs
	// anyway. Recorded returns at most limit of those that were recorded since then,
	// those that last the longest first. Nil leaves both out.
	Record   func(ctx context.Context, tags []string, lasts time.Duration) error
	Recorded func(ctx context.Context, since time.Duration, limit int) ([]Recorded, error)

	Log     *slog.Logger          // nil discards
	Metrics prometheus.Registerer // nil leaves them out
}

// Cache is the cache of one process. [NewTable] makes the typed views on it.
type Cache struct {
	client  redisclient.Batched
	writes  redisclient.Batched // the same: a write is not to wait for others' reads
	single  *redis.Client       // the same, where it speaks to one server; nil with a cluster
	moves   bool                // another server may take its place while the feed's goes on
	prefix  string
	options Options

	memory   *memory
	versions versions
	readers  []reader // what queries in Batch read besides
	circuit  circuit
	pending  pending
	records  records
	feed     feed
	metrics  *metrics

	server atomic.Pointer[string] // which one answers, by its run id; empty where that is not told
	origin string                 // tells our own messages on the feed
	tables uint32
	ids    atomic.Uint64 // of values in memory
	ended  context.CancelFunc
	work   sync.WaitGroup

	beforeFill func(context.Context, *lookup) // for tests, which show what generations are for
}

// New returns a cache that does not use Redis until it is started.
func New(o Options) *Cache {
	readTimesInUTC()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Cache{
		client: redisclient.NewBatched(o.Client), writes: redisclient.NewBatched(o.Client), prefix: o.Prefix, options: o,
		memory: newMemory(o.MaxItems, o.MaxBytes), metrics: newMetrics(o.Metrics), origin: nonce(),
		ended: func() {},
	}
	c.single, _ = o.Client.(*redis.Client)
	c.moves = c.single == nil || c.single.Options().Addr == failoverAddr
	c.feed.began = time.Now().Add(-feedSilence) // nothing has been heard yet
	c.circuit.slow, c.circuit.wake, c.circuit.log = true, make(chan struct{}, 1), o.Log
	c.server.Store(new(""))
	return c
}

// Start begins to use Redis, and to follow what other processes invalidate,
// until Close. It waits a moment for Redis, and goes on without it if need be.
func (c *Cache) Start(ctx context.Context) {
	c.join(ctx)
	if c.options.Recorded != nil {
		c.poll(ctx)
	}
	ctx, c.ended = context.WithCancel(context.WithoutCancel(ctx))
	c.work.Go(func() { c.keep(ctx) })
	c.work.Go(func() { c.follow(ctx) })
	if c.options.Recorded != nil {
		c.work.Go(func() { c.followRecords(ctx) })
	}
}

// Close ends what Start began. Values are not used after it.
func (c *Cache) Close() {
	c.ended()
	c.work.Wait()
	c.memory.close()
}

var (
	errUnused = errors.New("redis is not used now")
	errCut    = errors.New("redis could not be reached a moment ago")
	errBudget = errors.New("the request has waited long enough for redis")
)

// Call calls Redis for something else than the cache, as the cache does: within the
// request's budget, and not at all while Redis is away or slow.
func (c *Cache) Call(ctx context.Context, call func(context.Context) error) error {
	if !c.circuit.reads() {
		return errUnused
	}
	return c.spend(ctx, call)
}

// ask is Call for what the cache itself holds.
func (c *Cache) ask(ctx context.Context, call func(context.Context) error) error {
	if !c.usable() {
		return errUnused
	}
	return c.spend(ctx, call)
}

// spend calls Redis within the request's budget, and keeps account of how it does.
func (c *Cache) spend(ctx context.Context, call func(context.Context) error) error {
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
		c.circuit.succeeded()
		return nil
	case ctx.Err() == nil && left > c.options.Budget/2: // else it was the caller who gave up, or had no time to give
		c.circuit.failed()
	}
	return err
}

// channel is the feed's. Channels are not divided by database as keys are.
func (c *Cache) channel() string {
	if c.single != nil {
		return c.prefix + "feed:" + strconv.Itoa(c.single.Options().DB)
	}
	return c.prefix + "feed"
}
