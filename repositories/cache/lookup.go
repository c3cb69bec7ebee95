package cache

import (
	"context"
	"math/rand/v2"
	"time"

	"example.com/prefab/services/tracing"
)

const (
	unconfirmedTTL = time.Second // in memory, while no news of invalidations can arrive
	staleTTL       = time.Second // of a stale value, until the store is asked again
	hitForMissTTL  = time.Second // of "not cacheable", until callers wait for each other again

	leaseWaitTimeout = 500 * time.Millisecond // for the load of another process

	inMemory, inRedis = "memory", "redis" // where a value was found
)

// lookup is a look-up that memory could not answer.
type lookup struct {
	query
	cache       *Cache
	place       memoryKey
	tags        []string
	reply       *reply  // of Redis; nil if there is none
	loadedUnder string  // the generations of a load; "" during a write
	token       string  // of the lease, while this look-up holds it
	last        *entry  // may be out of date; given if the load fails
	alone       bool    // does not wait for others
	flight      *flight // that this look-up leads, or nil
}

func (t *Table[V]) newLookup(r *requestReads, key string, tags []string, version uint64) *lookup {
	home, c := t.home(key, tags), t.cache
	here, elsewhere := c.generationKeys(home, tags)
	return &lookup{
		query: query{
			item: item{entry: c.entryKey(home, t.options.Name, key), generations: here, version: version},
			home: home, elsewhere: elsewhere, request: r, prefetchOnHit: t.options.Prefetch != "",
		},
		cache: c, place: memoryKey{t.id, key}, tags: tags,
	}
}

// find looks in memory, waits for the same look-up of another goroutine, and looks in
// Redis. It returns the value and where it was. If there is none, it returns the look-up:
// the caller loads the value, and must call end. In development the request's Events keep the look-up.
func (t *Table[V]) find(
	ctx context.Context, trace *tracing.Trace, key string, tags []string,
) (e *entry, from string, l *lookup, err error) {
	if trace.Events() == nil {
		return t.lookUp(ctx, trace, key, tags)
	}
	start := time.Now()
	e, from, l, err = t.lookUp(ctx, trace, key, tags)
	found := from
	switch {
	case err != nil:
		found = "error"
	case e == nil:
		found = "miss"
	case e.stale:
		found = "stale"
	}
	trace.Events().AddLookup(tracing.Lookup{
		Table: t.options.Name, Found: found, Start: start, Duration: time.Since(start),
	})
	return e, from, l, err
}

func (t *Table[V]) lookUp(
	ctx context.Context, trace *tracing.Trace, key string, tags []string,
) (e *entry, from string, l *lookup, err error) {
	c, r := t.cache, t.cache.requestOf(ctx)
	place, version := memoryKey{t.id, key}, c.versions.of(tags)
	if e := r.value(place); e != nil {
		return e, inMemory, nil, nil
	}
	cached, _ := c.memory.GetIfPresent(place)
	fresh := trace.ReadsFresh() && (!t.options.Guard || cached != nil && cached.absent) // as Redis has it now
	alone := false
	switch {
	case cached == nil:
	case cached.hitForMiss:
		alone, cached = true, nil
	case cached.version != version: // invalidated
		cached = nil
	case cached.stale && trace.AcceptsStale() && c.isCurrent(cached): // the page will be stale as well
		return cached, inMemory, nil, nil
	case c.isCurrent(cached) && !fresh:
		t.count.memory.Inc()
		return cached, inMemory, nil, nil
	}
	l = t.newLookup(r, key, tags, version)
	l.alone = alone
	if !fresh { // else both may be older than the caller's own write
		l.last = cached
		if !alone && !r.hasLease(l.entry) { // the others may be waiting for our lease
			if e, err := l.wait(ctx); e != nil || err != nil {
				return e, inMemory, nil, err
			}
		}
	}
	if e, from := t.findInRedis(ctx, l, cached); e != nil {
		l.end(ctx, e, nil)
		return e, from, nil, nil
	}
	t.count.miss.Inc()
	return nil, "", l, nil
}

// isCurrent reports whether a value in memory may be given. While no news of
// invalidations can arrive, it may for a moment only.
func (c *Cache) isCurrent(e *entry) bool {
	now := time.Now()
	return now.Before(e.until) && (c.subscription.alive(now) || now.Sub(e.since) < unconfirmedTTL)
}

// findInRedis returns the value in Redis, or the one in memory if Redis confirms it, or
// nil: then the caller loads it, because it has the lease, or has waited long enough, or
// must not wait.
func (t *Table[V]) findInRedis(ctx context.Context, l *lookup, cached *entry) (found *entry, from string) {
	got := l.request.reply(l.home)
	if !got.covers(l.query) && !cached.isOf(got.generationsOf(l.query)) {
		got = t.cache.ask(ctx, l.query)
	}
	pause, end := 2*time.Millisecond, time.Now().Add(leaseWaitTimeout)
	for ; got != nil; got = t.cache.ask(ctx, l.query) {
		l.use(got)
		if cached.isOf(l.loadedUnder) {
			t.count.memory.Inc()
			return cached, inMemory
		}
		l.last = nil // memory may have missed an invalidation
		stored := got.entries[l.entry]
		found := decodeEntry[V](stored.text, t.schema, l.loadedUnder)
		switch {
		case found == nil:
		case time.Now().Before(found.until):
			t.count.redis.Inc()
			return l.remember(found, min(time.Until(found.until), t.cache.options.MemoryTTL)), inRedis
		case t.options.Grace > 0:
			l.last = found
		}
		switch {
		case l.token != "" || l.loadedUnder == "" || l.alone:
			return nil, ""
		case stored.state == stateHit: // but past its time, or of another type: ask for the lease
			l.unusable = true
		case l.last != nil && !t.options.Guard: // another process loads it
			return l.rememberStale(l.last), inRedis
		case !sleep(ctx, min(pause/2+rand.N(pause), time.Until(end))): //nolint:gosec // no secret
			return nil, ""
		default:
			pause = min(2*pause, 40*time.Millisecond)
		}
	}
	l.reply = nil
	return nil, ""
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return false
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// use takes the generations of a reply, and the lease that came with it.
func (l *lookup) use(got *reply) {
	l.reply, l.loadedUnder, l.token = got, got.generationsOf(l.query), l.request.takeLease(got, l.entry)
}

// complete sets what memory has to know of an entry.
func (l *lookup) complete(e *entry, ttl time.Duration) {
	e.id, e.version, e.generations, e.since = l.cache.ids.Add(1), l.version, l.loadedUnder, time.Now()
	e.until = e.since.Add(min(ttl, l.cache.options.MemoryTTL))
}

func (l *lookup) remember(e *entry, ttl time.Duration) *entry {
	l.complete(e, ttl)
	l.cache.memory.Set(l.place, e)
	return e
}

// rememberStale returns a value as a stale one, and spares the store for a moment.
func (l *lookup) rememberStale(e *entry) *entry {
	return l.remember(&entry{value: e.value, absent: e.absent, weight: e.weight, stale: true}, staleTTL)
}

// flight is a look-up that runs in this process: single flight. Other callers for the
// same key wait until done, for the entry or the error. If there is neither, the caller
// that led it gave up.
type flight struct {
	done  chan struct{}
	entry *entry
	err   error
}

// flightKey has the version, so that a caller who comes after an invalidation does not
// get a value from before it.
type flightKey struct {
	place   memoryKey
	version uint64
}

// wait waits until another goroutine has found the value. It returns nil if this one has
// to look for it: it leads the flight then, or goes alone.
func (l *lookup) wait(ctx context.Context) (*entry, error) {
	key := flightKey{l.place, l.version}
	for {
		own := &flight{done: make(chan struct{})}
		running, found := l.cache.flights.LoadOrStore(key, own)
		if !found {
			l.flight = own
			return nil, nil
		}
		f := running.(*flight)
		select {
		case <-f.done:
		case <-time.After(leaseTTL): // it takes too long: somebody begins anew
			l.cache.flights.CompareAndDelete(key, f)
			continue
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch {
		case f.err != nil:
			return nil, f.err
		case f.entry == nil: // given up; one of those who waited leads the next flight
		case f.entry.hitForMiss:
			l.alone = true
			return nil, nil
		default:
			return f.entry, nil
		}
	}
}

// end returns the lease, unless a fill has done so, and ends the wait of other goroutines.
func (l *lookup) end(ctx context.Context, e *entry, err error) {
	if l.token != "" {
		l.cache.send(context.WithoutCancel(ctx), []fill{{entry: l.entry, token: l.token}})
		l.token = ""
	}
	if l.flight == nil {
		return
	}
	if ctx.Err() != nil {
		err = nil // this caller's time is over, not that of the others
	}
	l.cache.flights.CompareAndDelete(flightKey{l.place, l.version}, l.flight)
	l.flight.entry, l.flight.err = e, err
	close(l.flight.done)
	l.flight = nil
}
