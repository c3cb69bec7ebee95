package cache

import (
	"context"
	"time"

	"example.com/prefab/services/tracing"
)

const (
	blindTTL      = time.Second // in memory, while nobody could tell of an invalidation
	staleTTL      = time.Second // until the store is asked again
	hitForMissTTL = time.Second // until callers wait for each other again
)

// Where a value was found.
const (
	inMemory = "memory"
	inRedis  = "redis"
)

// lookup is one that is on its way to a load.
type lookup struct {
	cache   *Cache
	call    *call // nil: the request reads nothing else
	place   memoryKey
	tags    []string
	version uint64

	home, entryKey string
	keys           []string // of the generations
	local          int      // how many of these lie in the slot of home
	answer         *answer  // of Redis; nil where it gave none
	generations    string   // under these keys, or "" while somebody writes
	token          string   // of the lease that is ours, or ""
	also           bool     // another table's load has brought the value

	last  *entry // a value that may be out of date, in case that the load fails
	aged  bool   // last is merely past its time: no write has changed it
	alone bool   // it waits for nobody

	flights *flights
	flight  *flight // that this one leads, or nil
}

// prepare names the keys in Redis, which a value in memory does not need.
func (l *lookup) prepare(home, table string) {
	l.home, l.entryKey = home, l.cache.entryKey(home, table, l.place.key)
	l.keys, l.local = l.cache.generationKeys(home, l.tags)
}

func (l *lookup) query() query {
	return query{home: l.home, entry: l.entryKey, generations: l.keys, local: l.local, version: l.version, call: l.call}
}

// look searches memory, the loads under way, and Redis, and says where it found a
// value. If it finds none, the look-up goes on with a load, and must be ended.
func (t *Table[V]) look(ctx context.Context, key string, tags []string) (e *entry, from string, l *lookup, err error) {
	c, trace, call := t.cache, tracing.From(ctx), t.cache.callOf(ctx)
	place, version := memoryKey{t.id, key}, c.versions.of(tags)
	if e := call.value(place); e != nil {
		return e, inMemory, nil, nil
	}
	kept, alone := c.memory.get(place), false
	verify := trace.ReadsFresh() && (!t.options.Guard || kept != nil && kept.absent)
	switch {
	case kept == nil:
	case kept.hitForMiss:
		alone, kept = true, nil
	case kept.version != version: // it is known to be out of date
		kept = nil
	case kept.stale && trace.IsFill() && c.reliable(kept): // it is for the moment alone, and so is the answer
		return kept, inMemory, nil, nil
	case c.reliable(kept) && (!verify || c.confirms(call, kept, t.home(key, tags), tags)):
		t.count.memory.Inc()
		return kept, inMemory, nil, nil
	}
	l = &lookup{cache: c, call: call, place: place, tags: tags, version: version, alone: alone, flights: &t.flights}
	if !verify { // else it may be older than the caller's own write
		l.last = kept
		if call != nil {
			l.prepare(t.home(key, tags), t.options.Name)
		}
		if !alone && !call.leads(l.entryKey) { // else it could wait for who waits for its lease
			if e, err := l.fly(ctx); e != nil || err != nil {
				return e, inMemory, nil, err
			}
		}
	}
	if e, from := t.lookInRedis(ctx, l, kept); e != nil {
		l.end(ctx, e, nil)
		return e, from, nil, nil
	}
	t.count.missed.Inc()
	return nil, "", l, nil
}

// reliable reports whether a value in memory may be given: while no news could
// come in, only for a moment.
func (c *Cache) reliable(e *entry) bool {
	now := time.Now()
	return now.Before(e.until) && (c.feed.alive(now) || now.Sub(e.since) < blindTTL)
}

// confirms reports whether Redis has told the call that a value in memory is the newest.
func (c *Cache) confirms(call *call, e *entry, home string, tags []string) bool {
	answer := call.answer(home)
	if answer == nil {
		return false
	}
	keys, _ := c.generationKeys(home, tags)
	return e.confirmed(answer.nonces(keys))
}

// lookInRedis returns the value that Redis has, or the one in memory where Redis
// confirms it, or nil.
func (t *Table[V]) lookInRedis(ctx context.Context, l *lookup, kept *entry) (found *entry, from string) {
	c := t.cache
	if l.entryKey == "" {
		l.prepare(t.home(l.place.key, l.tags), t.options.Name)
	}
	q := l.query()
	q.onHit = t.options.Prefetch != ""
	answer := l.call.answer(l.home)
	if !answer.covers(q) {
		answer = c.lookUp(ctx, q)
	}
	for wait := (patience{}); answer != nil; answer = c.lookUp(ctx, q) {
		l.answer, l.generations = answer, answer.nonces(l.keys)
		l.token = l.call.takeLease(answer, l.entryKey)
		if kept.confirmed(l.generations) {
			t.count.memory.Inc()
			return kept, inMemory
		}
		l.last, l.aged = nil, false // Redis knows better than memory: news may have been missed
		there := answer.entries[l.entryKey]
		found := decodeEntry[V](there.text, t.schema, l.generations)
		switch {
		case found == nil:
		case time.Now().Before(found.until):
			t.count.redis.Inc()
			return c.remember(l, found), inRedis
		case t.options.Grace > 0:
			l.last, l.aged = found, true
		}
		switch {
		case l.token != "" || l.generations == "" || l.alone:
			return nil, ""
		case there.hit: // but not for us: it is past its time, or of another type
			q.again = true
		case l.aged && !t.options.Guard: // somebody is loading it; the last value will do for that long
			return c.holdStale(l, l.last), inRedis
		case !wait.pause(ctx):
			return nil, ""
		}
	}
	l.answer = nil
	return nil, ""
}

// remember puts a value that Redis holds into memory.
func (c *Cache) remember(l *lookup, e *entry) *entry {
	now := time.Now()
	e.id, e.version, e.generations, e.since = c.ids.Add(1), l.version, l.generations, now
	e.until = earlier(e.until, now.Add(c.options.MemoryTTL))
	c.memory.set(l.place, e)
	return e
}

// holdStale returns a value as a stale one, and spares the store for a moment.
func (c *Cache) holdStale(l *lookup, old *entry) *entry {
	now := time.Now()
	e := &entry{
		id: c.ids.Add(1), value: old.value, absent: old.absent, weight: old.weight,
		stale: true, version: l.version, since: now, until: now.Add(staleTTL),
	}
	c.memory.set(l.place, e)
	return e
}

// holdHitForMiss notes that nothing is kept of what l looks for, so that callers do
// not queue for it.
func (c *Cache) holdHitForMiss(l *lookup) *entry {
	now := time.Now()
	e := &entry{hitForMiss: true, version: l.version, since: now, until: now.Add(hitForMissTTL)}
	c.memory.set(l.place, e)
	return e
}

// end lets those go on who wait for this look-up, and gives back the lease if no
// value has taken its place.
func (l *lookup) end(ctx context.Context, e *entry, err error) {
	if l.token != "" {
		l.cache.release(ctx, l.token, l.entryKey)
		l.token = ""
	}
	if l.flight != nil {
		if ctx.Err() != nil {
			err = nil // it is this caller's time that is over, not that of those who wait
		}
		l.flights.land(l.flightKey(), l.flight, e, err)
		l.flight = nil
	}
}

// holdsLast reports whether there is a last value, and no news since has voided it.
func (l *lookup) holdsLast() bool { return l.last != nil && l.cache.versions.of(l.tags) == l.version }

func (l *lookup) flightKey() flightKey { return flightKey{l.place.key, l.version} }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
