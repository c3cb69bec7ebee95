package cache

import (
	"context"
	"time"
)

// flight is a look-up that runs in this process: single flight. Other callers for the
// same key wait until done, for the entry or the error. If there is neither, the caller
// that led it gave up.
type flight struct {
	done  chan struct{}
	entry *entry
	err   error
}

// flightKey has the version, so that a caller who comes after an invalidation does not
// get a value from before it.
type flightKey struct {
	key     string
	version uint64
}

func (l *lookup) flightKey() flightKey { return flightKey{l.place.key, l.version} }

// wait waits until another goroutine has found the value. It returns nil if this one has
// to look for it: it leads the flight then, or goes alone.
func (l *lookup) wait(ctx context.Context) (*entry, error) {
	for {
		own := &flight{done: make(chan struct{})}
		running, found := l.flights.LoadOrStore(l.flightKey(), own)
		if !found {
			l.flight = own
			return nil, nil
		}
		f := running.(*flight)
		select {
		case <-f.done:
		case <-time.After(leaseTTL): // it takes too long: somebody begins anew
			l.flights.CompareAndDelete(l.flightKey(), f)
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

// finish ends the flight that this look-up leads, if it does.
func (l *lookup) finish(e *entry, err error) {
	if l.flight != nil {
		l.flights.CompareAndDelete(l.flightKey(), l.flight)
		l.flight.entry, l.flight.err = e, err
		close(l.flight.done)
		l.flight = nil
	}
}
