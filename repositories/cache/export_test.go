package cache

import (
	"context"
	"reflect"
	"time"
)

// ForgetGenerations makes the cache fill as caches without generations do: under
// those that hold after the load.
func (c *Cache) ForgetGenerations() {
	c.beforeFill = func(ctx context.Context, l *lookup) {
		if answer := c.lookUp(ctx, l.query()); answer != nil {
			l.answer, l.generations = answer, answer.nonces(l.keys)
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
	k := flightKey{key, t.cache.versions.of(tags)}
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
func (c *Cache) GenerationKey(tag string) string        { return c.generationKey(tag) }
func (c *Cache) EntryKey(tag, table, key string) string { return c.entryKey(homeOf(tag), table, key) }
func (c *Cache) LeaseKey(tag, table, key string) string { return leaseKey(c.EntryKey(tag, table, key)) }
func (c *Cache) Channel() string                        { return c.channel() }

// EncodeEntry is what Redis holds of a value.
func EncodeEntry(value any, generations string) string {
	schema := string(make([]byte, schemaLength))
	if value != nil {
		schema = schemaOf(reflect.TypeOf(value))
	}
	text, _ := encodeEntry(schema, generations, &entry{value: value}, time.Now())
	return string(text)
}

// DecodeEntry reports whether an entry can be read.
func DecodeEntry[V any](text, generations string) bool {
	return decodeEntry[V](text, schemaOf(reflect.TypeFor[V]()), generations) != nil
}

// Flush voids what is in memory.
func (c *Cache) Flush() { c.versions.bumpAll() }
