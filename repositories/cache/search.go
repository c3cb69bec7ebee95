package cache

import (
	"context"
	"time"

	"example.com/prefab/services"
)

const (
	blindTTL = time.Second // in memory, while nobody could tell of an invalidation
	staleTTL = time.Second // until the store is asked again
	passTTL  = time.Second // until callers wait for each other again
)

// Where a value was found.
const (
	inMemory = "memory"
	inRedis  = "redis"
)

// search is one look-up that is on its way to a load.
type search struct {
	cache *Cache
	place memoryKey
	tags  []string
	stamp uint64
	lease *lease
	last  *held // a value that may be out of date, in case that the load fails
	aged  bool  // last is merely past its time: no write has changed it

	hurried bool // waits for nobody

	flights *flights
	flight  *flight // that this search leads, or nil
}

// look searches memory, the loads under way, and Redis, and says where it found a
// value. If it finds none, the search goes on with a load, and must be ended.
func (t *Table[V]) look(ctx context.Context, key string, tags []string) (h *held, from string, s *search, err error) {
	c := t.cache
	place, stamp := memoryKey{t.id, key}, c.stamps.of(tags)
	trace := services.TraceFrom(ctx)
	hurried, fresh := false, trace.ReadsFresh()
	last := c.memory.get(place)
	switch {
	case last == nil:
	case last.pass:
		hurried, last = true, nil
	case last.stale && trace.IsFill() && last.stamp == stamp && c.reliable(last):
		return last, inMemory, nil, nil // it is for the moment alone, and so is the answer
	case fresh || last.stamp != stamp: // it may be older than the caller's own write, or is known to be
		last = nil
	case c.reliable(last):
		t.count.memory.Inc()
		return last, inMemory, nil, nil
	}
	s = &search{
		cache: c, place: place, tags: tags, stamp: stamp, last: last, hurried: hurried, flights: &t.flights,
	}
	if !fresh && !hurried { // the flights may have begun before the write that has to be seen
		if h, err := s.fly(ctx); h != nil || err != nil {
			return h, inMemory, nil, err
		}
	}
	if h := t.lookInRedis(ctx, s); h != nil {
		t.count.redis.Inc()
		s.end(ctx, h, nil)
		return h, inRedis, nil, nil
	}
	t.count.missed.Inc()
	return nil, "", s, nil
}

// reliable reports whether a value in memory may be given: while no news could
// come in, only for a moment.
func (c *Cache) reliable(h *held) bool {
	now := time.Now()
	return now.Before(h.until) && (c.feed.alive(now) || now.Sub(h.since) < blindTTL)
}

// lookInRedis returns the value that Redis has, or nil and, if it can be had, the lease.
func (t *Table[V]) lookInRedis(ctx context.Context, s *search) (found *held) {
	c := t.cache
	s.lease = &lease{key: c.entryKey(t.options.Name, s.place.key), tags: s.tags}
	usable := func(entry string) bool {
		s.last, s.aged = nil, false // Redis knows better, also than memory: news may have been missed
		h := decodeEntry[V](entry, t.schema, s.lease.generations)
		switch {
		case h == nil:
			return false
		case time.Now().After(h.until):
			if t.options.Grace > 0 {
				s.last, s.aged = h, true
			}
			return false
		}
		found = h
		return true
	}
	entry, err := c.read(ctx, s.lease)
	if err != nil {
		return nil
	}
	if usable(entry) {
		return c.remember(s, found)
	}
	entry, err = c.claim(ctx, s.lease)
	switch {
	case err != nil:
		return nil
	case usable(entry): // it came just before the lease
		return c.remember(s, found)
	case s.lease.owned || !s.lease.whole() || s.hurried:
		return nil
	case s.aged: // somebody is loading it; the last value will do for that long
		return c.holdStale(s, s.last)
	case c.await(ctx, s.lease, usable):
		return c.remember(s, found)
	}
	return nil
}

// remember puts a value that Redis holds into memory.
func (c *Cache) remember(s *search, h *held) *held {
	now := time.Now()
	h.stamp, h.since, h.until = s.stamp, now, earlier(h.until, now.Add(c.options.MemoryTTL))
	c.memory.set(s.place, h)
	return h
}

// holdStale returns a value as a stale one, and spares the store for a moment.
func (c *Cache) holdStale(s *search, old *held) *held {
	now := time.Now()
	h := &held{
		value: old.value, absent: old.absent, weight: old.weight,
		stale: true, stamp: s.stamp, since: now, until: now.Add(staleTTL),
	}
	c.memory.set(s.place, h)
	return h
}

// holdPass notes that nothing is kept of what s looks for, so that callers do not
// queue for it.
func (c *Cache) holdPass(s *search) *held {
	now := time.Now()
	h := &held{pass: true, stamp: s.stamp, since: now, until: now.Add(passTTL)}
	c.memory.set(s.place, h)
	return h
}

// keep stores a loaded value in both levels, and returns it whether or not it
// may be kept. Where Redis refuses, memory does not keep it either: it was
// loaded while the thing was being changed. Where Redis is away, memory keeps it
// for a moment.
func (t *Table[V]) keep(ctx context.Context, s *search, h *held, ttl time.Duration) *held {
	c, now := t.cache, time.Now()
	h.stamp, h.since, h.until = s.stamp, now, now.Add(min(ttl, c.options.MemoryTTL))
	l := s.lease
	if c.beforeFill != nil {
		c.beforeFill(ctx, l)
	}
	entry, err := encodeEntry(t.schema, l.generations, h, now.Add(ttl))
	inRedis := ttl
	if !h.absent {
		inRedis += t.options.Grace
	}
	if err != nil || len(entry) > c.options.ValueLimit || ttl <= 0 || inRedis < time.Millisecond { // Redis knows no less
		return h
	}
	h.weight = uint32(len(entry))
	if l.reached && c.usable() && !c.fill(ctx, l, entry, inRedis) {
		c.metrics.refused.Inc()
		return h
	}
	if !l.reached || !c.usable() {
		h.until = earlier(h.until, now.Add(blindTTL))
	}
	c.memory.set(s.place, h)
	return h
}

// end lets those go on who wait for this search, and gives back the lease if no
// value has taken its place.
func (s *search) end(ctx context.Context, h *held, err error) {
	if s.lease != nil && s.lease.owned {
		s.cache.release(ctx, s.lease)
	}
	if s.flight != nil {
		if ctx.Err() != nil {
			err = nil // it is this caller's time that is over, not that of those who wait
		}
		s.flights.land(s.flightKey(), s.flight, h, err)
		s.flight = nil
	}
}

// holdsLast reports whether there is a last value, and no news since has voided it.
func (s *search) holdsLast() bool { return s.last != nil && s.cache.stamps.of(s.tags) == s.stamp }

func (s *search) flightKey() flightKey { return flightKey{s.place.key, s.stamp} }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
