package cache

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

type memoryKey struct {
	table uint32
	key   string
}

// entry is a value in memory. It is shared, and does not change any more.
type entry struct {
	id          uint64 // unique in the process
	value       any
	absent      bool   // the store has no such value
	stale       bool   // may be out of date; given while the store is down
	hitForMiss  bool   // no value: the last one was not cacheable, so nobody should wait
	version     uint64 // of the tags in this process
	generations string // of the tags in Redis; "" if they are unknown
	weight      uint32 // bytes
	since       time.Time
	until       time.Time
}

// isOf reports whether an entry may be given where Redis has these generations.
func (e *entry) isOf(generations string) bool {
	return e != nil && !e.stale && generations != "" && e.generations == generations && time.Now().Before(e.until)
}

// memory is L1, an otter.Cache. Cache has it as an interface, or the compiler would compile
// otter again in each package that mentions a Cache, which takes longer than all else there.
type memory interface {
	GetIfPresent(key memoryKey) (*entry, bool)
	Set(key memoryKey, e *entry) (*entry, bool)
	InvalidateAll()
	StopAllGoroutines() bool
}

// newMemory returns L1. One weight bounds both items and bytes: an entry weighs its
// bytes, and at least an even share.
func newMemory(maxItems int, maxBytes int64) memory {
	share := uint32(min(max(maxBytes/int64(maxItems), 1), 1<<31))
	return otter.Must(&otter.Options[memoryKey, *entry]{
		MaximumWeight: uint64(share) * uint64(maxItems),
		Weigher:       func(_ memoryKey, e *entry) uint32 { return max(e.weight, share) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[memoryKey, *entry]) time.Duration {
			return e.Value.until.Sub(e.Value.since)
		}),
	})
}

// versions count the invalidations that this process knows of. An entry in memory has the
// version from before its look-up, and is valid while the version of its tags is the same.
// So a value that arrives after its invalidation is never given. Tags share counters: an
// invalidation of one costs a look-up for a few others.
type versions struct {
	all    atomic.Uint64
	shared [1 << 16]atomic.Uint64
}

// seed is of the process: versions never leave it.
var seed = maphash.MakeSeed()

func (s *versions) counter(tag string) *atomic.Uint64 {
	if tag == Everything {
		return &s.all
	}
	return &s.shared[maphash.String(seed, tag)%uint64(len(s.shared))]
}

// of returns the version of tags. It only grows.
func (s *versions) of(tags []string) uint64 {
	version := s.all.Load()
	for _, tag := range tags {
		version += s.counter(tag).Load()
	}
	return version
}

func (s *versions) increment(tags ...string) {
	for _, tag := range tags {
		s.counter(tag).Add(1)
	}
}
