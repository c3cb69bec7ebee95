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
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/services"
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
	client  redis.UniversalClient
	single  *redis.Client // the same, where it speaks to one server; nil with a cluster
	moves   bool          // another server may take its place while the feed's goes on
	prefix  string
	options Options

	memory   *memory
	versions versions
	readers  []reader // what queries in Together read besides
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
		client: o.Client, prefix: o.Prefix, options: o,
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

// unboundedWrite is how long a write may take whose context has no deadline.
const unboundedWrite = 30 * time.Second

// settling is how long a write may go on in PostgreSQL after its deadline: the
// grace that the driver hook gives, and some more.
const settling = 3 * time.Second

// Change makes a write that changes what the tags stand for. From before the
// write until it is done, no process keeps values of these tags, and tombstones in Redis
// that expire by themselves see to that even where this process is killed in
// between. Where Redis cannot be told, the change is recorded in the store. Where
// that fails too, Change does not write, and returns services.ErrUnavailable; else
// it returns what write returns.
func (c *Cache) Change(ctx context.Context, tags []string, write func(context.Context) error) error {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		deadline = time.Now().Add(unboundedWrite)
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	w := writer{token: nonce(), ttl: max(time.Until(deadline), 0) + settling}
	c.versions.bump(tags)
	told := c.tell(ctx, tags, w.begin) == nil
	if !told {
		if err := c.record(ctx, tags, w.ttl); err != nil {
			return err
		}
	}
	err := write(ctx)
	if told { // else what is recorded holds for the whole time of the write
		c.settle(ctx, tags, w, unclear(err))
	}
	c.callOf(ctx).forget() // what it has read meanwhile
	c.versions.bump(tags)
	return err
}

// settle ends a write whose tombstones Redis has. Those of one that may yet be
// committed stay until they expire.
func (c *Cache) settle(ctx context.Context, tags []string, w writer, unclear bool) {
	change, lasts := w.end, time.Duration(0)
	if unclear {
		change, lasts = w.unsettled, w.ttl
	}
	if c.tell(ctx, tags, change) != nil {
		// An error can be ignored: the tombstones in Redis expire by themselves and void the
		// tags, unless Redis loses its data.
		_ = c.record(context.WithoutCancel(ctx), tags, lasts)
	}
}

// Invalidate drops whatever belongs to the tags, for a change that has been made.
// Its error says that other processes may not learn of it.
func (c *Cache) Invalidate(ctx context.Context, tags ...string) error {
	err := c.tell(ctx, tags, writer{}.unsettled)
	if err != nil {
		err = c.record(context.WithoutCancel(ctx), tags, 0)
	}
	c.versions.bump(tags)
	return err
}

// InvalidateWith sends a command that changes what the tags stand for, such as a put
// into a buffer in Redis, and drops what belongs to them after it. Both take one round
// trip. It reports whether it has dropped it: where it has not, as with a Cluster, whose
// nodes would take their parts in any order, or where Redis could not be told a moment
// ago, call Invalidate once the command has taken effect. The command has its own error.
func (c *Cache) InvalidateWith(ctx context.Context, first redis.Cmder, tags ...string) bool {
	if c.single == nil || !c.circuit.carries() {
		_ = c.client.Process(ctx, first)
		return false
	}
	c.callOf(ctx).forget()
	commands, _ := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		_ = p.Process(ctx, first)
		c.queue(ctx, p, tags, writer{}.unsettled)
		return nil
	})
	if slices.ContainsFunc(commands[1:], func(command redis.Cmder) bool { return command.Err() != nil }) {
		return false
	}
	c.metrics.invalidated(nil)
	c.versions.bump(tags)
	return true
}

// unclear reports whether a write that returned err may still take effect.
func unclear(err error) bool {
	if err == nil {
		return false
	}
	code := services.CodeOf(err)
	return code == services.Internal || code == services.Unavailable
}

// tell brings the tags' change to Redis and to the other processes, even for a
// request that has used up its time.
func (c *Cache) tell(ctx context.Context, tags []string, change func(p redis.Pipeliner, generation string)) error {
	c.callOf(ctx).forget()
	err := errCut
	if c.circuit.carries() {
		err = step(context.WithoutCancel(ctx), func(ctx context.Context) error { return c.announce(ctx, tags, change) })
		if err != nil {
			c.circuit.unreachable()
		}
	}
	c.metrics.invalidated(err)
	return err
}

// announce makes the change to each tag in Redis, and only then lets the feed
// know: who hears of it must not find a tag as it was before.
func (c *Cache) announce(ctx context.Context, tags []string, change func(p redis.Pipeliner, generation string)) error {
	_, err := c.scripted(ctx, func(p redis.Pipeliner) error {
		c.queue(ctx, p, tags, change)
		return nil
	})
	if err != nil || c.single != nil {
		return err
	}
	return c.publish(ctx, encodeNews(c.origin, tags))
}

// queue adds to a pipeline the change to each tag, and the news of it.
func (c *Cache) queue(
	ctx context.Context, p redis.Pipeliner, tags []string, change func(p redis.Pipeliner, generation string),
) {
	for _, tag := range tags {
		change(p, c.generationKey(tag))
	}
	if c.single != nil { // else the nodes of the cluster would take their parts in any order
		p.Publish(ctx, c.channel(), encodeNews(c.origin, tags))
	}
}

// publish tells the feed by the master that it hangs on. By another one the news
// would depend on the connection between the two, of whose end nobody hears.
func (c *Cache) publish(ctx context.Context, news string) error {
	if cluster, ok := c.client.(*redis.ClusterClient); ok {
		master, err := cluster.MasterForKey(ctx, c.channel())
		if err != nil {
			return err
		}
		return master.Publish(ctx, c.channel(), news).Err()
	}
	return c.client.Publish(ctx, c.channel(), news).Err()
}

var (
	errUnused = errors.New("redis is not used now")
	errCut    = errors.New("redis could not be reached a moment ago")
	errBudget = errors.New("the request has waited long enough for redis")
)

// Ask calls Redis for something else than the cache, as the cache does: within the
// request's budget, and not at all while Redis is away or slow.
func (c *Cache) Ask(ctx context.Context, call func(context.Context) error) error {
	if !c.circuit.reads() {
		return errUnused
	}
	return c.spend(ctx, call)
}

// ask is Ask for what the cache itself holds.
func (c *Cache) ask(ctx context.Context, call func(context.Context) error) error {
	if !c.usable() {
		return errUnused
	}
	return c.spend(ctx, call)
}

// spend calls Redis within the request's budget, and keeps account of how it does.
func (c *Cache) spend(ctx context.Context, call func(context.Context) error) error {
	trace := services.TraceFrom(ctx)
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
