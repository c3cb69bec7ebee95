package cache

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"time"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// TableOptions say how one kind of value is kept.
type TableOptions struct {
	Name      string        // a part of its keys in Redis, unique
	TTL       time.Duration // of a value; up to a tenth less, so that not all end at once
	Grace     time.Duration // how long after that a value may be given while the store is away
	Absent    error         // what a load returns for what is not there
	AbsentTTL time.Duration // how long that is kept

	// Prefetch is the tag of the value under a key, such as "product:{key}/stock". It has
	// look-ups in [Cache.Batch] of anything at home in "product:42" read this
	// table's 42 too. "" leaves it out.
	Prefetch string

	// Guard is for values that decide whether a request may go on: who asks, whether
	// a thing is there. Memory is asked for these also by a session that has written
	// a moment ago, unless it says that there is none; and a value past its time is
	// given only while the store is away, not while somebody else is loading it.
	Guard bool
}

// Table is the view on a [Cache] for one type of value. Values are shared by all
// who read them: never change one.
type Table[V any] struct {
	cache   *Cache
	id      uint32
	schema  string
	options TableOptions
	flights flights
	count   lookups
}

// NewTable returns a table of the cache. Make each one once, at the start.
func NewTable[V any](c *Cache, o TableOptions) *Table[V] {
	c.tables++
	if before, after, found := strings.Cut(o.Prefetch, "{key}"); found {
		c.readers = append(c.readers, reader{before: before, after: after, table: o.Name})
	}
	return &Table[V]{
		cache: c, id: c.tables, options: o, schema: schemaOf(reflect.TypeFor[V]()), count: c.metrics.lookups(o.Name),
	}
}

// Get returns the value under the key: from memory, else from Redis, else from
// load, which one caller of all processes runs while the others wait a bounded
// time for it. An error of load is returned as it is. While load says
// problem.ErrUnavailable, a value past its time is given for the table's grace,
// and noted in the tracing.Trace. Redis being away or slow costs at most the
// cache's budget.
func (t *Table[V]) Get(
	ctx context.Context, key string, tags []string, load func(context.Context) (V, error),
) (V, error) {
	found, _, l, err := t.look(ctx, key, tags)
	if err == nil && found == nil {
		found, err = t.load(ctx, l, load)
	}
	if err != nil {
		var none V
		return none, err
	}
	return t.unwrap(ctx, found)
}

func (t *Table[V]) unwrap(ctx context.Context, e *entry) (V, error) {
	trace := tracing.From(ctx)
	id := e.id
	if id == 0 { // memory does not hold it, so nobody will read it again
		id = t.cache.ids.Add(1)
	}
	trace.Read(id)
	if e.stale {
		trace.MarkStale()
	}
	if e.absent {
		var none V
		return none, t.options.Absent
	}
	return e.value.(V), nil
}

func (t *Table[V]) load(ctx context.Context, l *lookup, load func(context.Context) (V, error)) (e *entry, err error) {
	defer func() { l.end(ctx, e, err) }() // panics included: nobody must wait for this one for ever
	loading := &loading{answer: l.answer}
	value, err := t.loadBefore(context.WithValue(ctx, loadingKey{}, loading), l, load)
	switch {
	case err == nil && loading.stale.Load():
		return t.keepStale(l, &entry{value: value}), nil
	case err == nil:
		return t.keep(ctx, l, &entry{value: value}, jittered(t.options.TTL)), nil
	case t.options.Absent != nil && errors.Is(err, t.options.Absent):
		return t.keep(ctx, l, &entry{absent: true}, t.options.AbsentTTL), nil
	case l.holdsLast() && (problem.CodeOf(err) == problem.Unavailable || errors.Is(err, context.DeadlineExceeded)):
		t.count.stale.Inc()
		return t.cache.holdStale(l, l.last), nil
	}
	return nil, err
}

// loadBefore leaves half of the time to give the last value, where there is one.
func (t *Table[V]) loadBefore(ctx context.Context, l *lookup, load func(context.Context) (V, error)) (V, error) {
	if deadline, ok := ctx.Deadline(); ok && l.last != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	return load(ctx)
}

// keepStale keeps a value for a moment, unless it is too long to be kept at all.
func (t *Table[V]) keepStale(l *lookup, e *entry) *entry {
	text, err := encodeEntry(t.schema, "", e, time.Now())
	if e.stale = true; err != nil || len(text) > t.cache.options.ValueLimit {
		return e
	}
	e.weight = uint32(len(text))
	return t.cache.holdStale(l, e)
}

// keep stores a loaded value in both levels, and returns it whether or not it
// may be kept. Where Redis refuses, memory does not keep it either: it was
// loaded while the thing was being changed. Where Redis is away, memory keeps it
// for a moment.
func (t *Table[V]) keep(ctx context.Context, l *lookup, e *entry, ttl time.Duration) *entry {
	c, now := t.cache, time.Now()
	e.id = c.ids.Add(1)
	e.version, e.generations, e.since, e.until = l.version, l.generations, now, now.Add(min(ttl, c.options.MemoryTTL))
	if c.beforeFill != nil {
		c.beforeFill(ctx, l)
	}
	text, err := encodeEntry(t.schema, l.generations, e, now.Add(ttl))
	inRedis := ttl
	if !e.absent {
		inRedis += t.options.Grace
	}
	l.call.hold(l.place, e)
	if err != nil || len(text) > c.options.ValueLimit || ttl <= 0 || inRedis < time.Millisecond { // Redis takes whole ones
		return e
	}
	e.weight = uint32(len(text))
	kept := func(yes bool, err error) {
		switch {
		case yes:
			c.memory.set(l.place, e)
		case err == nil:
			c.metrics.refused.Inc()
		case !l.also:
			e.until = earlier(e.until, now.Add(blindTTL))
			c.memory.set(l.place, e)
		}
	}
	switch {
	case l.answer == nil || !c.usable():
		kept(false, errUnused)
	case l.generations == "":
		kept(false, nil)
	default:
		f := fill{entryKey: l.entryKey, token: l.token, generations: l.keys[:l.local], entry: text, ttl: inRedis, kept: kept}
		if l.token = ""; !l.call.later(f) {
			c.store(ctx, []fill{f})
		}
	}
	return e
}

// Store keeps a value that a load for another table, of the same home, has read along
// with its own. It is called from within that load. Where Redis has not told of the
// tags before the load began, it does nothing.
func (t *Table[V]) Store(ctx context.Context, key string, tags []string, value V) {
	loading := loadingFrom(ctx)
	if loading == nil {
		return
	}
	c := t.cache
	l := &lookup{
		cache: c, call: c.callOf(ctx), place: memoryKey{t.id, key}, tags: tags, version: c.versions.of(tags),
		answer: loading.answer, also: true,
	}
	e := &entry{value: value, stale: loading.stale.Load()}
	if l.prepare(t.home(key, tags), t.options.Name); e.stale || !l.answer.covers(l.query()) {
		l.call.hold(l.place, e)
		return
	}
	l.generations, l.token = l.answer.nonces(l.keys), l.call.takeLease(l.answer, l.entryKey)
	t.keep(ctx, l, e, jittered(t.options.TTL))
	l.end(ctx, e, nil)
}

// Find is Get in two steps, for who cannot give a function: it returns the value
// and where it was, "memory" or "redis". Where from is "", there is none, and
// store must be called once: with a value and how long it is good; with a time of
// 0 where what was made is not to be kept, so that nobody waits for the next one;
// with a negative time where nothing was made. Others who look for the same wait a
// bounded time for it. What ctx's request reads until then is read [Cache.Batch].
func (t *Table[V]) Find(
	ctx context.Context, key string, tags []string,
) (value V, from string, store func(value V, ttl time.Duration)) {
	end := t.cache.Batch(ctx)
	found, from, l, err := t.look(ctx, key, tags)
	if err != nil || found != nil && found.absent {
		return value, "", func(V, time.Duration) { end() }
	}
	if found != nil {
		end()
		if found.stale {
			tracing.From(ctx).MarkStale()
		}
		return found.value.(V), from, nil
	}
	return value, "", func(value V, ttl time.Duration) {
		var e *entry
		defer func() { l.end(ctx, e, nil); end() }()
		switch {
		case ttl > 0:
			e = t.keep(ctx, l, &entry{value: value}, jittered(ttl))
		case ttl == 0:
			e = t.cache.holdHitForMiss(l)
		}
	}
}

// Invalidate is [Cache.Invalidate]: it drops whatever belongs to the tags, in all tables.
func (t *Table[V]) Invalidate(ctx context.Context, tags ...string) error {
	return t.cache.Invalidate(ctx, tags...)
}

// jittered takes up to a tenth off, so that what was stored together does not end together.
func jittered(ttl time.Duration) time.Duration {
	return ttl - rand.N(ttl/10+1) //nolint:gosec // no secret
}
