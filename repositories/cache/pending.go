package cache

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// maxPending is how many tags may wait. Beyond it all of them become Everything.
const maxPending = 1000

// pending are the invalidations that this process knows of and that Redis may not
// have been told of. While there are any, the process reads nothing from Redis.
type pending struct {
	mu   sync.Mutex
	tags map[string]owed
	seq  uint64
}

// owed is an invalidation of a tag that Redis may not have received.
type owed struct {
	until time.Time // the end of the write, which may not be over yet; zero: it is over
	seq   uint64    // tells an addition from an earlier one
}

func (p *pending) add(tags []string, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tags == nil {
		p.tags = make(map[string]owed)
	}
	for _, tag := range tags {
		p.seq++
		p.tags[tag] = owed{later(until, p.tags[tag].until), p.seq}
	}
	if len(p.tags) <= maxPending {
		return
	}
	for _, o := range p.tags {
		until = later(until, o.until)
	}
	p.tags = map[string]owed{Everything: {until, p.seq}}
}

func (p *pending) none() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.tags) == 0
}

func (p *pending) list() map[string]owed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.tags)
}

// sent drops what was on the list, but for what has been added again since.
func (p *pending) sent(list map[string]owed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for tag, o := range list {
		if p.tags[tag].seq == o.seq {
			delete(p.tags, tag)
		}
	}
}

func tagsOf(list map[string]owed) []string { return slices.Collect(maps.Keys(list)) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
