package cache

import (
	"context"
	"sync"
	"time"
)

// flights are the look-ups that run in this process: single flight. Other callers for
// the same key wait for the first one. The version is a part of the key: a caller that
// comes after an invalidation does not get a value from before it.
type flights struct {
	mu   sync.Mutex
	open map[flightKey]*flight
}

type flightKey struct {
	key     string
	version uint64
}

func (l *lookup) flightKey() flightKey { return flightKey{l.place.key, l.version} }

// flight is one look-up. After done it has an entry, or an error, or neither, if its
// leader gave up.
type flight struct {
	done  chan struct{}
	entry *entry
	err   error
}

// join returns the flight that runs, or begins it.
func (s *flights) join(k flightKey) (f *flight, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.open[k]; f != nil {
		return f, false
	}
	if s.open == nil {
		s.open = make(map[flightKey]*flight)
	}
	f = &flight{done: make(chan struct{})}
	s.open[k] = f
	return f, true
}

// forget lets the next caller begin a new flight.
func (s *flights) forget(k flightKey, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[k] == f {
		delete(s.open, k)
	}
}

func (s *flights) end(k flightKey, f *flight, e *entry, err error) {
	s.forget(k, f)
	f.entry, f.err = e, err
	close(f.done)
}

// wait waits until another goroutine has found the value. It returns nil if this
// goroutine has to look for it: it leads the flight then, or goes alone.
func (l *lookup) wait(ctx context.Context) (*entry, error) {
	for {
		f, leads := l.flights.join(l.flightKey())
		if leads {
			l.flight = f
			return nil, nil
		}
		select {
		case <-f.done:
		case <-time.After(leaseTTL): // the leader takes too long
			l.flights.forget(l.flightKey(), f)
			continue
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch {
		case f.err != nil:
			return nil, f.err
		case f.entry == nil: // given up; one of those who waited leads the next flight
		case f.entry.hitForMiss:
			l.alone = true
			return nil, nil
		default:
			return f.entry, nil
		}
	}
}
