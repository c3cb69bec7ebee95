package cache

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"time"

	"example.com/prefab/services"
)

// TableOptions say how one kind of value is kept.
type TableOptions struct {
	Name      string        // the first part of its keys in Redis, unique
	TTL       time.Duration // of a value; up to a tenth less, so that not all end at once
	Grace     time.Duration // how long after that a value may be given while the store is away
	Absent    error         // what a load returns for what is not there
	AbsentTTL time.Duration // how long that is kept
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
	return &Table[V]{
		cache: c, id: c.tables, options: o, schema: schemaOf(reflect.TypeFor[V]()), count: c.metrics.lookups(o.Name),
	}
}

// Get returns the value under the key: from memory, else from Redis, else from
// load, which one caller of all processes runs while the others wait a bounded
// time for it. An error of load is returned as it is. While load says
// services.ErrUnavailable, a value past its time is given for the table's grace,
// and noted in the services.Trace. Redis being away or slow costs at most the
// cache's budget.
func (t *Table[V]) Get(
	ctx context.Context, key string, tags []string, load func(context.Context) (V, error),
) (V, error) {
	found, _, s, err := t.look(ctx, key, tags)
	if err != nil {
		var none V
		return none, err
	}
	if found == nil {
		found, err = t.load(ctx, s, load)
		if err != nil {
			var none V
			return none, err
		}
	}
	return t.unwrap(ctx, found)
}

func (t *Table[V]) unwrap(ctx context.Context, h *held) (V, error) {
	if h.stale {
		services.TraceFrom(ctx).MarkStale()
	}
	if h.absent {
		var none V
		return none, t.options.Absent
	}
	return h.value.(V), nil
}

func (t *Table[V]) load(ctx context.Context, s *search, load func(context.Context) (V, error)) (h *held, err error) {
	defer func() { s.end(ctx, h, err) }() // panics included: nobody must wait for this one for ever
	loading, doubted := withDoubt(ctx)
	value, err := t.loadBefore(loading, s, load)
	switch {
	case err == nil && doubted.Load():
		return t.keepDoubted(s, &held{value: value}), nil
	case err == nil:
		return t.keep(ctx, s, &held{value: value}, jittered(t.options.TTL)), nil
	case t.options.Absent != nil && errors.Is(err, t.options.Absent):
		return t.keep(ctx, s, &held{absent: true}, t.options.AbsentTTL), nil
	case s.holdsLast() && (services.CodeOf(err) == services.Unavailable || errors.Is(err, context.DeadlineExceeded)):
		t.count.stale.Inc()
		return t.cache.holdStale(s, s.last), nil
	}
	return nil, err
}

// keepDoubted keeps a value for a moment, unless it is too long to be kept at all.
func (t *Table[V]) keepDoubted(s *search, h *held) *held {
	entry, err := encodeEntry(t.schema, nil, h, time.Now())
	if h.stale = true; err != nil || len(entry) > t.cache.options.ValueLimit {
		return h
	}
	h.weight = uint32(len(entry))
	return t.cache.holdStale(s, h)
}

// loadBefore leaves half of the time to give the last value, where there is one.
func (t *Table[V]) loadBefore(ctx context.Context, s *search, load func(context.Context) (V, error)) (V, error) {
	if deadline, ok := ctx.Deadline(); ok && s.last != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	return load(ctx)
}

// Find is Get in two steps, for who cannot give a function: it returns the value
// and where it was, "memory" or "redis". Where from is "", there is none, and
// store must be called once: with a value and how long it is good; with a time of
// 0 where what was made is not to be kept, so that nobody waits for the next one;
// with a negative time where nothing was made. Others who look for the same wait a
// bounded time for it.
func (t *Table[V]) Find(
	ctx context.Context, key string, tags []string,
) (value V, from string, store func(value V, ttl time.Duration)) {
	found, from, s, err := t.look(ctx, key, tags)
	if err != nil || found != nil && found.absent {
		return value, "", func(V, time.Duration) {}
	}
	if found != nil {
		if found.stale {
			services.TraceFrom(ctx).MarkStale()
		}
		return found.value.(V), from, nil
	}
	return value, "", func(value V, ttl time.Duration) {
		var h *held
		defer func() { s.end(ctx, h, nil) }()
		switch {
		case ttl > 0:
			h = t.keep(ctx, s, &held{value: value}, jittered(ttl))
		case ttl == 0:
			h = t.cache.holdPass(s)
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
