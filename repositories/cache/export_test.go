package cache

import (
	"context"
	"reflect"
	"time"
)

// ForgetLeases makes the cache fill as caches without leases do: under the
// generations that hold after the load.
func (c *Cache) ForgetLeases() {
	c.beforeFill = func(ctx context.Context, l *lease) {
		token, owned := l.token, l.owned
		_, _ = c.claim(ctx, l)
		if !l.owned {
			l.token, l.owned = token, owned
		}
	}
}

// Join begins to use Redis without the feed.
func (c *Cache) Join(ctx context.Context) { c.join(ctx) }

// Usable reports whether the cache reads what Redis holds.
func (c *Cache) Usable() bool { return c.usable() }

// Hearing reports whether the cache hears of what others invalidate.
func (c *Cache) Hearing() bool { return c.feed.alive(time.Now()) }

// Deafen has the cache wait for a feed that does not come.
func (c *Cache) Deafen() {
	c.ended()
	c.work.Wait()
}

// Suspend has the cache take Redis for slow, until it is asked again.
func (c *Cache) Suspend() {
	c.circuit.mu.Lock()
	defer c.circuit.mu.Unlock()
	c.circuit.slow = true
}

// Recover asks once whether Redis is well again, as the cache does by itself after Start.
func (c *Cache) Recover(ctx context.Context) { c.recover(ctx) }

// Waiting counts the callers who wait for a flight.
func (t *Table[V]) Waiting(key string, tags []string) int {
	k := flightKey{key, t.cache.stamps.of(tags)}
	t.flights.mu.Lock()
	defer t.flights.mu.Unlock()
	if f := t.flights.open[k]; f != nil {
		return f.waiting
	}
	return 0
}

// Owed counts the tags whose change Redis was not told of at once.
func (c *Cache) Owed() int {
	c.pending.mu.Lock()
	defer c.pending.mu.Unlock()
	return int(c.pending.seq)
}

// MaxPending is how many tags may be pending.
const MaxPending = maxPending

// Pending counts the tags whose change Redis is to be told of.
func (c *Cache) Pending() int { return len(c.pending.list()) }

// Poll reads once what other processes have recorded, as the cache does by itself after Start.
func (c *Cache) Poll(ctx context.Context) { c.poll(ctx) }

// InMemory returns how many values memory holds after its maintenance, and their weight.
func (c *Cache) InMemory() (items int, weight uint64) {
	c.memory.entries.CleanUp()
	return c.memory.entries.EstimatedSize(), c.memory.entries.WeightedSize()
}

// Keys in Redis, for tests that look or that take them away.
func (c *Cache) GenerationKey(tag string) string   { return c.tagKeys(tag).generation }
func (c *Cache) WritersKey(tag string) string      { return c.tagKeys(tag).writers }
func (c *Cache) EntryKey(table, key string) string { return c.entryKey(table, key) }
func (c *Cache) LeaseKey(table, key string) string { return leaseKey(c.entryKey(table, key)) }
func (c *Cache) Channel() string                   { return c.channel() }

// EncodeEntry is what Redis holds of a value.
func EncodeEntry(value any, generations []string) string {
	schema := string(make([]byte, schemaLength))
	if value != nil {
		schema = schemaOf(reflect.TypeOf(value))
	}
	entry, _ := encodeEntry(schema, generations, &held{value: value}, time.Now())
	return string(entry)
}

// DecodeEntry reports whether an entry can be read.
func DecodeEntry[V any](entry string, generations []string) bool {
	return decodeEntry[V](entry, schemaOf(reflect.TypeFor[V]()), generations) != nil
}

// Flush voids what is in memory.
func (c *Cache) Flush() { c.stamps.bumpAll() }
