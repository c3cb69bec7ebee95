// Package cache keeps values in two levels: in the memory of the process (L1), and in a
// Redis that all processes share (L2). It promises:
//
//   - After a write was answered, its process never gives an older value. Other processes
//     follow in milliseconds by publish/subscribe, and in three seconds whatever fails.
//   - A value that was read before a write never fills the cache after it, even if the
//     writer dies between its commit and the invalidation.
//   - Of all callers that miss a value, in all processes, one loads it. The others wait a
//     bounded time.
//   - A Redis that is slow or down costs a request its budget at most. While the store is
//     down, values past their time are given for a grace period.
//
// An example:
//
//	c := cache.New(cache.Options{Client: client, Prefix: "shop:", MemoryTTL: time.Minute, …})
//	c.Start(ctx)
//	defer c.Close()
//	products := cache.NewTable[Product](c, cache.TableOptions{Name: "product", TTL: time.Hour})
//
//	tags := []string{"product:42"}
//	product, err := products.Get(ctx, "42", tags, func(ctx context.Context) (Product, error) {
//		return store.Get(ctx, 42)
//	})
//	err = c.Write(ctx, tags, func(ctx context.Context) error { return store.Update(ctx, product) })
//
// A value belongs to tags, such as "product:42" or "products". Each tag has a generation in
// Redis, a random number that every value of the tag carries. An invalidation deletes the
// generation. The next reader makes a new one, so all values of the old one are void,
// wherever they lie. A write replaces the generation by a tombstone until it has committed.
//
// Terms of the code:
//
//	home        a tag up to its first "/"; all keys of one home lie in one slot of a Cluster
//	epoch       the generation of the tag [Everything]
//	version     how often this process has seen a tag invalidated; never leaves the process
//	schema      a hash of a value's type: a build with another type reads a miss
//	lease       the right of one process to load a value, for a few seconds
//	token       a random number that names the holder of a lease, or a writer in a tombstone
//	flight      a look-up that runs in this process, and that others wait for
//
// To read the code, follow Get or Find through table.go, lookup.go, request.go, keys.go,
// redis.go, scripts.go and entry.go, and Write through write.go, subscription.go, recovery.go
// and record.go.
package cache

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/redisclient"
)

// Settings are the settings of a service's cache. .env.example explains each.
type Settings struct {
	TTL       time.Duration `env:"CACHE_TTL" default:"1h" min:"0s" max:"24h"`
	Grace     time.Duration `env:"CACHE_GRACE" default:"1h" min:"0s" max:"24h"`
	AbsentTTL time.Duration `env:"CACHE_ABSENT_TTL" default:"10s" min:"1ms" max:"1h"`

	MemoryTTL  time.Duration `env:"CACHE_L1_TTL" default:"60s" min:"1ms" max:"1m"`
	MaxItems   int           `env:"CACHE_L1_MAX_ITEMS" default:"100000" min:"1" max:"10000000"`
	MaxBytes   int64         `env:"CACHE_L1_MAX_BYTES" default:"67108864" min:"65536" max:"1099511627776"`
	ValueLimit int           `env:"CACHE_VALUE_LIMIT" default:"1048576" min:"1024" max:"536870912"`
	Budget     time.Duration `env:"CACHE_BUDGET" default:"150ms" min:"1ms" max:"10s"`
}

// Options configure a Cache.
type Options struct {
	Client     redis.UniversalClient // of redisclient.Open
	Prefix     string                // of every key in Redis
	MemoryTTL  time.Duration         // the longest time of a value in memory
	MaxItems   int                   // in memory
	MaxBytes   int64                 // in memory, by the length of the entries in Redis
	ValueLimit int                   // bytes of an entry; a longer one is not cached
	Budget     time.Duration         // for all reads of Redis of one request

	// Record and Recorded carry invalidations by another store, such as the database,
	// while a process cannot reach Redis. Recorded returns what was recorded in the time
	// since, ordered by Lasts, the longest first, and at most limit of them. nil leaves
	// both out.
	Record   func(ctx context.Context, tags []string, lasts time.Duration) error
	Recorded func(ctx context.Context, since time.Duration, limit int) ([]Recorded, error)

	Log     *slog.Logger          // nil discards
	Metrics prometheus.Registerer // nil leaves them out
}

// Cache is the cache of one process. [NewTable] makes typed views on it.
type Cache struct {
	options Options
	client  redisclient.Batched
	writes  redisclient.Batched // the same, with a queue of its own: a write does not wait for reads
	single  *redis.Client       // the same, if it speaks to one server
	cluster *redis.ClusterClient
	origin  string // marks this process's own messages

	memory     memory
	flights    sync.Map // of *flight, by flightKey
	versions   versions
	prefetches []prefetch
	tables     uint32
	ids        atomic.Uint64 // of entries in memory

	circuit      circuit
	pending      pending
	records      records
	subscription subscription
	server       atomic.Pointer[string] // the run id of the server, "" if it is unknown
	metrics      metrics

	stop context.CancelFunc
	work sync.WaitGroup
}

// New returns a cache that uses memory alone until Start.
func New(o Options) *Cache {
	registerTimes()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Cache{
		options: o, client: redisclient.NewBatched(o.Client), writes: redisclient.NewBatched(o.Client), origin: nonce(),
		memory: newMemory(o.MaxItems, o.MaxBytes), metrics: newMetrics(o.Metrics), stop: func() {},
	}
	c.single, _ = o.Client.(*redis.Client)
	c.cluster, _ = o.Client.(*redis.ClusterClient)
	c.circuit.readsOff.Store(true)
	c.circuit.wake, c.circuit.log = make(chan struct{}, 1), o.Log
	c.subscription.began = time.Now().Add(-heartbeatTimeout) // nothing has been heard yet
	c.server.Store(new(""))
	return c
}

// Start connects to Redis and follows the invalidations of other processes until Close.
// It waits a moment for Redis, and goes on without it if necessary.
func (c *Cache) Start(ctx context.Context) {
	c.connect(ctx)
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	if c.options.Recorded != nil {
		c.readRecords(ctx)
		c.work.Go(func() { c.followRecords(ctx) })
	}
	c.work.Go(func() { c.maintain(ctx) })
	subscribed := make(chan struct{})
	c.subscription.tried = sync.OnceFunc(func() { close(subscribed) })
	c.work.Go(func() { c.subscribe(ctx) })
	if c.usable() {
		<-subscribed // a subscription voids memory: the first values would be lost
	}
}

// Close ends what Start began. The cache must not be used after it.
func (c *Cache) Close() {
	c.stop()
	c.work.Wait()
	c.memory.InvalidateAll()
	c.memory.StopAllGoroutines()
}
