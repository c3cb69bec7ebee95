package cache

import "sync"

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

// flight is one look-up. When done is closed, held has its value, or err its
// failure, or neither, where whoever began it has given up.
type flight struct {
	done chan struct{}
	held *held
	err  error
}

// join returns the flight under way, or begins it.
func (s *flights) join(k flightKey) (f *flight, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.open[k]; f != nil {
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
	delete(s.open, k)
	f.held, f.err = h, err
	close(f.done)
}
