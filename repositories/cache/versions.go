package cache

import (
	"hash/maphash"
	"sync/atomic"
)

// versions count the invalidations that this process knows of. A value in memory
// carries the version of the moment before it was looked for, and is good while
// its tags' version is still the same. So a value that arrives late, after news of
// its invalidation, is void from the start, without any lock. Tags share the
// counters: one tag's news voids values of a few others, which costs a look-up.
type versions struct {
	all    atomic.Uint64
	shared [1 << 16]atomic.Uint64
}

// seed is the process's: versions never leave it.
var seed = maphash.MakeSeed()

func (s *versions) counter(tag string) *atomic.Uint64 {
	return &s.shared[maphash.String(seed, tag)%uint64(len(s.shared))]
}

// of returns the version of tags. It only ever grows, so an equal one says that
// nothing has happened.
func (s *versions) of(tags []string) uint64 {
	version := s.all.Load()
	for _, tag := range tags {
		version += s.counter(tag).Load()
	}
	return version
}

func (s *versions) bump(tags []string) {
	for _, tag := range tags {
		if tag == Everything {
			s.all.Add(1)
			continue
		}
		s.counter(tag).Add(1)
	}
}

// bumpAll voids everything in memory.
func (s *versions) bumpAll() { s.all.Add(1) }
