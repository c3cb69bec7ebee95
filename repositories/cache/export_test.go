package cache

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/maypok86/otter/v2"
)

// Connect connects to Redis without the subscription.
func (c *Cache) Connect(ctx context.Context) { c.connect(ctx) }

// Usable reports whether the cache reads the entries in Redis.
func (c *Cache) Usable() bool { return c.usable() }

// Hearing reports whether invalidations of others would arrive.
func (c *Cache) Hearing() bool { return c.subscription.alive(time.Now()) }

// Deafen ends all work in the background.
func (c *Cache) Deafen() {
	c.stop()
	c.work.Wait()
}

// Suspend opens the circuit for reads.
func (c *Cache) Suspend() { c.circuit.readsOff.Store(true) }

// Recover tries once whether Redis is well again.
func (c *Cache) Recover(ctx context.Context) { c.recover(ctx) }

// MaxPending is how many tags may be pending.
const MaxPending = maxPending

// Pending counts the invalidations that have to be sent.
func (c *Cache) Pending() int { return len(c.pending.list()) }

// TakePending empties the list, and returns its tags.
func (c *Cache) TakePending() []string {
	list := c.pending.list()
	c.pending.remove(list)
	return slices.Sorted(maps.Keys(list))
}

// Poll reads once what other processes have recorded.
func (c *Cache) Poll(ctx context.Context) { c.readRecords(ctx) }

// InMemory returns how many values memory holds after its maintenance, and their weight.
func (c *Cache) InMemory() (items int, weight uint64) {
	m := c.memory.(*otter.Cache[memoryKey, *entry])
	m.CleanUp()
	return m.EstimatedSize(), m.WeightedSize()
}

// Keys in Redis, for tests that look or that take them away.
func (c *Cache) GenerationKey(tag string) string        { return c.generationKey(tag) }
func (c *Cache) EntryKey(tag, table, key string) string { return c.entryKey(homeOf(tag), table, key) }
func (c *Cache) LeaseKey(tag, table, key string) string { return leaseKey(c.EntryKey(tag, table, key)) }

// EncodeEntry is what Redis holds of a value.
func EncodeEntry(value any, generations string) string {
	text, _ := encodeEntry(schemaOf(reflect.TypeOf(value)), &entry{value: value, generations: generations}, time.Now())
	return string(text)
}

// DecodeEntry reports whether an entry can be read.
func DecodeEntry[V any](text, generations string) bool {
	return decodeEntry[V](text, schemaOf(reflect.TypeFor[V]()), generations) != nil
}

// Flush voids what is in memory.
func (c *Cache) Flush() { c.versions.increment(Everything) }
