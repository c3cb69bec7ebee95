package cache

import (
	"log/slog"
	"sync"
	"time"
)

const failuresAllowed = 3 // in a row

// circuit is the breaker between this process and Redis. It opens for reads when
// Redis is slow, so that requests need not wait. It opens for invalidations too
// only when one did not arrive: a slow Redis is told of every write.
type circuit struct {
	mu       sync.Mutex
	failures int
	slow     bool // open for reads
	cut      bool // open for invalidations
	wake     chan struct{}
	log      *slog.Logger
	logged   bool // that Redis is not used
}

// reads reports whether requests may wait for Redis.
func (b *circuit) reads() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.slow && !b.cut
}

// carries reports whether invalidations are sent to Redis.
func (b *circuit) carries() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.cut
}

func (b *circuit) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = 0
}

func (b *circuit) failed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures++; b.failures >= failuresAllowed {
		b.openForReads("the cache has stopped using Redis: it is slow")
	}
}

// masterAway is for a master that does not answer.
func (b *circuit) masterAway() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.openForReads("the cache has stopped using Redis: its master does not answer")
}

func (b *circuit) openForReads(why string) {
	if !b.slow {
		b.slow = true
		b.warn(why)
	}
}

// unreachable is for an invalidation that did not arrive.
func (b *circuit) unreachable() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.cut {
		b.cut = true
		b.warn("the cache has stopped using Redis: an invalidation could not be sent")
	}
}

// lost logs that what Redis holds may be out of date.
func (b *circuit) lost() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.warn("the cache has stopped using Redis: invalidations may have been lost, so it discards all that Redis holds")
}

// warn logs once that Redis is not used, whatever else happens until it is again.
func (b *circuit) warn(why string) {
	if !b.logged {
		b.logged = true
		b.log.Warn(why)
	}
	b.nudge()
}

func (b *circuit) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// answered is for an answer of Redis that nobody was waiting for. Reads go on
// only if it came within what a request may wait, or the circuit would open again.
func (b *circuit) answered(after, budget time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = false
	if after > budget {
		return
	}
	if b.logged {
		b.log.Info("the cache uses Redis again")
	}
	b.slow, b.failures, b.logged = false, 0, false
}
