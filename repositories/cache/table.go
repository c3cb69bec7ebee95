package cache

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
	"example.com/prefab/services/transaction"
)

// TableOptions say how one kind of value is cached.
type TableOptions struct {
	Name      string        // a part of the keys in Redis, unique
	TTL       time.Duration // of a value; up to a tenth less, so that not all expire together
	Grace     time.Duration // after the TTL, during which a value may be given while the store is down
	Absent    error         // what a load returns for a value that does not exist
	AbsentTTL time.Duration // of that

	// Prefetch is the tag of the value of a key, such as "product:{key}/stock". While
	// reads are joined ([Cache.Join], Find), a look-up of any value of "product:42" then
	// reads key 42 of this table as well. "" leaves it out.
	Prefetch string

	// Guard is for values that decide whether a request may go on, such as the user of
	// a session. A session that has just written reads these from memory too, unless
	// they say "absent". A value past its time is given only while the store is down,
	// not while another process loads it.
	Guard bool
}

// Table is the view on a [Cache] for one type of value. All callers share the values:
// never change one.
type Table[V any] struct {
	cache   *Cache
	id      uint32
	schema  string
	options TableOptions
	count   lookupCounters
}

// NewTable returns a table of the cache. Make each one once, before Start.
func NewTable[V any](c *Cache, o TableOptions) *Table[V] {
	c.tables++
	if before, after, found := strings.Cut(o.Prefetch, "{key}"); found {
		c.prefetches = append(c.prefetches, prefetch{before: before, after: after, table: o.Name})
	}
	return &Table[V]{
		cache: c, id: c.tables, options: o, schema: schemaOf(reflect.TypeFor[V]()), count: c.metrics.forTable(o.Name),
	}
}

// Get returns the value of the key: from memory, else from Redis, else from load. One
// caller of all processes runs load, while the others wait a bounded time. An error of
// load is returned as it is. While load fails with problem.ErrUnavailable, a value past
// its time is given for the table's grace, and marked in the tracing.Trace.
//
// In a transaction Get is load: the cache must not hide what the transaction has written,
// nor show it to others.
func (t *Table[V]) Get(
	ctx context.Context, key string, tags []string, load func(context.Context) (V, error),
) (value V, err error) {
	if transaction.From(ctx) != nil {
		return load(ctx)
	}
	trace := tracing.From(ctx)
	e, _, l, err := t.find(ctx, trace, key, tags)
	if err == nil && e == nil {
		e, err = t.load(ctx, l, load)
	}
	if err != nil {
		return value, err
	}
	id := e.id
	if id == 0 { // memory does not have it, so nobody will read it again
		id = t.cache.ids.Add(1)
	}
	trace.Read(id)
	if e.stale {
		trace.MarkStale()
	}
	if e.absent {
		return value, t.options.Absent
	}
	return e.value.(V), nil
}

// loading is a load that runs.
type loading struct {
	reply *reply // of Redis, from before the load; nil if there was none
	stale atomic.Bool
}

type loadingKey struct{}

func loadingFrom(ctx context.Context) *loading {
	state, _ := ctx.Value(loadingKey{}).(*loading)
	return state
}

// MarkStale says, inside a load, that the result may be older than some write. It is
// given to the callers who wait for it, marked as stale, and stays in the memory of this
// process for a moment.
func MarkStale(ctx context.Context) {
	if state := loadingFrom(ctx); state != nil {
		state.stale.Store(true)
	}
}

func (t *Table[V]) load(
	ctx context.Context, l *lookup, load func(context.Context) (V, error),
) (e *entry, err error) {
	defer func() { l.end(ctx, e, err) }() // after a panic too: others wait
	state := &loading{reply: l.reply}
	limited := context.WithValue(ctx, loadingKey{}, state)
	if deadline, ok := ctx.Deadline(); ok && l.last != nil { // leave half of the time to give the last value
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(limited, time.Until(deadline)/2)
		defer cancel()
	}
	value, err := load(limited)
	switch {
	case err == nil:
		return t.fill(ctx, l, &entry{value: value, stale: state.stale.Load()}, jittered(t.options.TTL)), nil
	case t.options.Absent != nil && errors.Is(err, t.options.Absent):
		return t.fill(ctx, l, &entry{absent: true}, t.options.AbsentTTL), nil
	case l.last != nil && isUnavailable(err) && t.cache.versions.of(l.tags) == l.version: // not invalidated meanwhile
		t.count.stale.Inc()
		tracing.From(ctx).Events().AddLookup(tracing.Lookup{Table: t.options.Name, Found: "stale", Start: time.Now()})
		return l.rememberStale(l.last), nil
	}
	return nil, err
}

func isUnavailable(err error) bool {
	return problem.CodeOf(err) == problem.Unavailable || errors.Is(err, context.DeadlineExceeded)
}

// fill stores a loaded value in both levels, if it may be kept, and returns it. If Redis
// refuses it, memory does not keep it either: a write ran during the load. If Redis is
// down, memory keeps it for a moment.
func (t *Table[V]) fill(ctx context.Context, l *lookup, e *entry, ttl time.Duration) *entry {
	c, inRedis := t.cache, ttl
	if !e.absent {
		inRedis += t.options.Grace
	}
	if e.stale {
		ttl = staleTTL
	}
	l.complete(e, ttl)
	l.request.hold(l.place, e)
	text, err := encodeEntry(t.schema, e, e.since.Add(ttl))
	if err != nil || len(text) > c.options.ValueLimit || ttl <= 0 || inRedis < time.Millisecond {
		return e
	}
	e.weight = uint32(len(text))
	done := func(stored bool, err error) {
		switch {
		case stored:
			c.memory.Set(l.place, e)
		case err == nil:
			c.metrics.refused.Inc()
		default:
			short := *e // others may read e by now
			short.until = time.Now().Add(min(time.Until(e.until), unconfirmedTTL))
			c.memory.Set(l.place, &short)
		}
	}
	switch {
	case e.stale:
		done(true, nil)
	case l.reply == nil || !c.usable():
		done(false, errUnused)
	case l.loadedUnder == "":
		done(false, nil)
	default:
		f := fill{l.entry, l.token, l.generations, text, inRedis, done}
		if l.token = ""; !l.request.later(f) {
			c.send(ctx, []fill{f})
		}
	}
	return e
}

// Store caches a value that a load of another table has read besides its own. Both
// tables must have the same first tag, up to a "/". It is called inside that load. If
// Redis gave no generations before the load, it caches nothing.
func (t *Table[V]) Store(ctx context.Context, key string, tags []string, value V) {
	state := loadingFrom(ctx)
	if state == nil {
		return
	}
	l := t.newLookup(t.cache.requestOf(ctx), key, tags, t.cache.versions.of(tags))
	e := &entry{value: value, stale: state.stale.Load()}
	if e.stale || !state.reply.covers(l.query) {
		l.request.hold(l.place, e)
		return
	}
	l.use(state.reply)
	t.fill(ctx, l, e, jittered(t.options.TTL))
	l.end(ctx, e, nil)
}

// What the store function of Find takes instead of a TTL.
const (
	NotCacheable time.Duration = 0  // the value must not be cached: for a moment nobody waits for the next one
	NoValue      time.Duration = -1 // there is no value: one of those who wait loads it
)

// Find is Get in two steps, for callers that cannot pass a function. It returns the value
// and where it was, "memory" or "redis". If from is "", there is none, and store must be
// called once: with a value and its TTL, or with [NotCacheable] or [NoValue] as the TTL.
// Until then others wait a bounded time, and the reads of ctx's request are joined, as by
// [Cache.Join]. In a transaction it finds and stores nothing.
func (t *Table[V]) Find(
	ctx context.Context, key string, tags []string,
) (value V, from string, store func(value V, ttl time.Duration)) {
	if transaction.From(ctx) != nil {
		return value, "", func(V, time.Duration) {}
	}
	end := t.cache.Join(ctx)
	trace := tracing.From(ctx)
	e, from, l, err := t.find(ctx, trace, key, tags)
	switch {
	case err != nil || e != nil && e.absent:
		return value, "", func(V, time.Duration) { end() }
	case e != nil:
		end()
		if e.stale {
			trace.MarkStale()
		}
		return e.value.(V), from, nil
	}
	return value, "", func(value V, ttl time.Duration) {
		var e *entry
		defer func() { l.end(ctx, e, nil); end() }()
		switch {
		case ttl > 0:
			e = t.fill(ctx, l, &entry{value: value}, jittered(ttl))
		case ttl == NotCacheable:
			e = l.remember(&entry{hitForMiss: true}, hitForMissTTL)
		}
	}
}

// Invalidate is [Cache.Invalidate]: it drops the values of the tags in all tables.
func (t *Table[V]) Invalidate(ctx context.Context, tags ...string) error {
	return t.cache.Invalidate(ctx, tags...)
}

// jittered takes up to a tenth off, so that what was stored together does not expire together.
func jittered(ttl time.Duration) time.Duration {
	return ttl - rand.N(ttl/10+1) //nolint:gosec // no secret
}
