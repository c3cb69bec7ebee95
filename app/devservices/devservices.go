// Package devservices runs an embedded PostgreSQL and Redis for one checkout, so
// that a fresh clone works with no server configured: real servers, reachable
// through Unix sockets only, whose data survives restarts.
//
// Several processes may share a checkout. The first one owns the servers, starts
// one again that ends by itself, and stops them when it ends; later ones are guests
// that use them while they last.
package devservices

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// startLimit bounds a start, initdb on a slow disk included.
const startLimit = 2 * time.Minute

// Options says what to run and for whom.
type Options struct {
	Dir          string // the checkout
	Database     string // made when it does not exist
	NeedPostgres bool
	NeedRedis    bool

	// Disposable is for tests: writes are not synced to disk, Redis has 1024
	// databases, a server that was killed stays away, and a missing redis-server is
	// an error, not a reason to fall back.
	Disposable bool

	Log *slog.Logger // nil discards

	search *searchPath // where the programs are looked for; nil is the machine's own
}

// Services are running servers.
type Services struct {
	DatabaseURL string // empty if not asked for
	RedisURL    string // empty if not asked for

	// MiniRedis says that Redis is miniredis inside this process: its data
	// ends with the process, and no other process sees it.
	MiniRedis bool

	owned   []running
	stopped sync.Once
	stopErr error
}

// running is what this process must stop: a server process, or miniredis.
type running interface {
	stop(ctx context.Context) error
	pid() int // 0 if it has no process of its own
}

// Start runs what the options ask for and returns once it answers. The context
// governs the start alone; what runs is ended by [Services.Stop], or by the
// death of this process. With PostgreSQL among it, the PG* variables of this
// process are unset, which lib/pq would read with any URL.
func Start(ctx context.Context, o Options) (*Services, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Services{}
	if !o.NeedPostgres && !o.NeedRedis {
		return s, nil
	}
	starting, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := s.start(starting, o); err != nil {
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// Stop ends the servers that this process owns: gently at first, then, once the
// context is done or they have had long enough, by force. It may be called
// again and from several goroutines; each call returns when all has ended.
func (s *Services) Stop(ctx context.Context) error {
	s.stopped.Do(func() {
		errs := make([]error, len(s.owned))
		var all sync.WaitGroup
		for i, r := range s.owned {
			all.Go(func() { errs[i] = r.stop(ctx) })
		}
		all.Wait()
		s.stopErr = errors.Join(errs...)
	})
	return s.stopErr
}

// PIDs are the processes of the servers that this process owns: none for a
// guest, and none for miniredis.
func (s *Services) PIDs() []int {
	var pids []int
	for _, r := range s.owned {
		if pid := r.pid(); pid != 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}
