package cache

import (
	"hash/maphash"
	"sync/atomic"
)

// stamps count the invalidations that this process knows of. A value in memory
// carries the stamp of the moment before it was looked for, and is good while
// its tags' stamp is still the same. So a value that arrives late, after news of
// its invalidation, is void from the start, without any lock. Tags share the
// counters: one tag's news voids values of a few others, which costs a look-up.
type stamps struct {
	all    atomic.Uint64
	shared [4096]atomic.Uint64
}

// seed is the process's: stamps never leave it.
var seed = maphash.MakeSeed()

func (s *stamps) counter(tag string) *atomic.Uint64 {
	return &s.shared[maphash.String(seed, tag)%uint64(len(s.shared))]
}

// of returns the stamp of tags. It only ever grows, so an equal one says that
// nothing has happened.
func (s *stamps) of(tags []string) uint64 {
	stamp := s.all.Load()
	for _, tag := range tags {
		stamp += s.counter(tag).Load()
	}
	return stamp
}

func (s *stamps) bump(tags []string) {
	for _, tag := range tags {
		if tag == Everything {
			s.all.Add(1)
			continue
		}
		s.counter(tag).Add(1)
	}
}

// bumpAll voids everything in memory.
func (s *stamps) bumpAll() { s.all.Add(1) }
