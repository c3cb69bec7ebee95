package cache

import (
	"time"

	"github.com/maypok86/otter/v2"
)

// memory is the first level, bounded by items and by bytes.
type memory struct {
	entries *otter.Cache[memoryKey, *entry]
	least   uint32
}

type memoryKey struct {
	table uint32
	key   string
}

// entry is a value in memory. It is shared, and does not change any more.
type entry struct {
	id          uint64 // of the process's values
	value       any
	absent      bool // there is no such thing, which is worth knowing too
	stale       bool // past its time, and given all the same while the store is away
	hitForMiss  bool // no value: what was made of it last was not to be kept, so nobody should wait for it
	version     uint64
	generations string // that it was loaded under; "" where Redis did not tell
	weight      uint32
	since       time.Time
	until       time.Time
}

// confirmed reports whether an entry of memory is also what Redis would give, where
// these are the generations now.
func (e *entry) confirmed(generations string) bool {
	return e != nil && !e.stale && generations != "" && e.generations == generations && time.Now().Before(e.until)
}

// newMemory bounds both at once: an entry weighs its bytes, but no less than an
// even share, so that there are never more than maxItems.
func newMemory(maxItems int, maxBytes int64) *memory {
	m := &memory{least: uint32(min(max(maxBytes/int64(maxItems), 1), 1<<31))}
	m.entries = otter.Must(&otter.Options[memoryKey, *entry]{
		MaximumWeight: uint64(m.least) * uint64(maxItems),
		Weigher:       func(_ memoryKey, e *entry) uint32 { return max(e.weight, m.least) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[memoryKey, *entry]) time.Duration {
			return e.Value.until.Sub(e.Value.since)
		}),
	})
	return m
}

func (m *memory) get(k memoryKey) *entry {
	e, _ := m.entries.GetIfPresent(k)
	return e
}

func (m *memory) set(k memoryKey, e *entry) { m.entries.Set(k, e) }

func (m *memory) close() {
	m.entries.InvalidateAll()
	m.entries.StopAllGoroutines()
}
