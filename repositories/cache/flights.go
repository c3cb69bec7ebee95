package cache

import (
	"context"
	"sync"
	"time"
)

// flightPatience is how long a caller waits for another one of its process.
const flightPatience = leaseTTL

// flights are the loads under way in this process. Whoever wants a value that is
// being looked for waits for it; but not if news has come since the look-up
// began, for the value may be older than the news: the version is part of the key.
type flights struct {
	mu   sync.Mutex
	open map[flightKey]*flight
}

type flightKey struct {
	key     string
	version uint64
}

// flight is one look-up. When done is closed, entry has what it found, or err its
// failure, or neither, where whoever began it has given up.
type flight struct {
	done    chan struct{}
	waiting int // how many have joined
	entry   *entry
	err     error
}

// join returns the flight under way, or begins it.
func (s *flights) join(k flightKey) (f *flight, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.open[k]; f != nil {
		f.waiting++
		return f, false
	}
	f = &flight{done: make(chan struct{})}
	if s.open == nil {
		s.open = make(map[flightKey]*flight)
	}
	s.open[k] = f
	return f, true
}

func (s *flights) land(k flightKey, f *flight, e *entry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(k, f)
	f.entry, f.err = e, err
	close(f.done)
}

// drop lets a new flight begin in the place of one that takes too long.
func (s *flights) drop(k flightKey, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(k, f)
}

func (s *flights) forget(k flightKey, f *flight) {
	if s.open[k] == f {
		delete(s.open, k)
	}
}

// fly waits for the flights to what l looks for, until one brings it, or l leads
// one itself, or learns that there is nothing worth waiting for.
func (l *lookup) fly(ctx context.Context) (*entry, error) {
	for {
		f, leads := l.flights.join(l.flightKey())
		if leads {
			l.flight = f
			return nil, nil
		}
		select {
		case <-f.done:
		case <-time.After(flightPatience):
			l.flights.drop(l.flightKey(), f)
			continue
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch {
		case f.err != nil:
			return nil, f.err
		case f.entry == nil: // given up; one of those who waited leads the next
		case f.entry.hitForMiss:
			l.alone = true
			return nil, nil
		default:
			return f.entry, nil
		}
	}
}
