package cache

import (
	"time"

	"github.com/maypok86/otter/v2"
)

// memory is the first level, bounded by items and by bytes.
type memory struct {
	entries *otter.Cache[memoryKey, *held]
	least   uint32
}

type memoryKey struct {
	table uint32
	key   string
}

// held is a value in memory. It is shared and never changes.
type held struct {
	value  any
	absent bool // there is no such thing, which is worth knowing too
	stale  bool // past its time, and given all the same while the store is away
	pass   bool // no value: what was made of it last was not to be kept, so nobody should wait for it
	stamp  uint64
	weight uint32
	since  time.Time
	until  time.Time
}

// newMemory bounds both at once: an entry weighs its bytes, but no less than an
// even share, so that there are never more than maxItems.
func newMemory(maxItems int, maxBytes int64) *memory {
	m := &memory{least: uint32(min(max(maxBytes/int64(maxItems), 1), 1<<31))}
	m.entries = otter.Must(&otter.Options[memoryKey, *held]{
		MaximumWeight: uint64(m.least) * uint64(maxItems),
		Weigher:       func(_ memoryKey, h *held) uint32 { return max(h.weight, m.least) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[memoryKey, *held]) time.Duration {
			return e.Value.until.Sub(e.Value.since)
		}),
	})
	return m
}

func (m *memory) get(k memoryKey) *held {
	h, _ := m.entries.GetIfPresent(k)
	return h
}

func (m *memory) set(k memoryKey, h *held) { m.entries.Set(k, h) }

func (m *memory) close() {
	m.entries.InvalidateAll()
	m.entries.StopAllGoroutines()
}
