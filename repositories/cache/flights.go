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
// began, for the value may be older than the news: the stamp is part of the key.
type flights struct {
	mu   sync.Mutex
	open map[flightKey]*flight
}

type flightKey struct {
	key   string
	stamp uint64
}

// flight is one look-up. When done is closed, held has what it found, or err its
// failure, or neither, where whoever began it has given up.
type flight struct {
	done    chan struct{}
	waiting int // how many have joined
	held    *held
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

func (s *flights) land(k flightKey, f *flight, h *held, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(k, f)
	f.held, f.err = h, err
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

// fly waits for the flights to what s looks for, until one brings it, or s leads
// one itself, or learns that there is nothing worth waiting for.
func (s *search) fly(ctx context.Context) (*held, error) {
	for {
		f, leads := s.flights.join(s.flightKey())
		if leads {
			s.flight = f
			return nil, nil
		}
		select {
		case <-f.done:
		case <-time.After(flightPatience):
			s.flights.drop(s.flightKey(), f)
			continue
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch {
		case f.err != nil:
			return nil, f.err
		case f.held == nil: // given up; one of those who waited leads the next
		case f.held.pass:
			s.hurried = true
			return nil, nil
		default:
			return f.held, nil
		}
	}
}
