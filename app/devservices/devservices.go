// Package devservices runs an embedded PostgreSQL and Redis for one checkout, so
// that a fresh clone works with no server configured: real servers, reachable
// through Unix sockets only, whose data survives restarts.
//
//	services, err := devservices.Start(ctx, devservices.Options{Dir: ".", NeedPostgres: true, NeedRedis: true})
//	…
//	defer services.Stop()
//	db, err := sqlx.Open("postgres", services.DatabaseURL)
//
// Several processes may share a checkout. The first one owns the servers, and stops
// them when it ends; later ones are guests that use them while they last.
package devservices

import (
	"context"
	"log/slog"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// startLimit bounds a start, initdb on a slow disk included.
const startLimit = 2 * time.Minute

// Options says what to run and for whom.
type Options struct {
	Dir          string // the checkout
	NeedPostgres bool
	NeedRedis    bool

	// Disposable is for tests: writes are not synced to disk, Redis has 1024
	// databases, and a missing redis-server is an error, not a reason to fall back.
	Disposable bool

	Log *slog.Logger // nil discards

	programs []string // folders to search; nil is PATH and the usual ones
}

// Services are running servers.
type Services struct {
	DatabaseURL string // empty if not asked for
	RedisURL    string // empty if not asked for

	owned []*server
	mini  *miniredis.Miniredis // where redis-server is not installed
}

// Start runs what the options ask for and returns once it answers. The context
// governs the start alone; what runs is ended by [Services.Stop], or by the
// death of this process. With PostgreSQL among it, the PG* variables of this
// process are unset, which lib/pq would read with any URL.
//
// Without redis-server, Redis is miniredis inside this process: its data ends with the
// process, and no other process sees it.
func Start(ctx context.Context, o Options) (*Services, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Services{}
	if !o.NeedPostgres && !o.NeedRedis {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := s.start(ctx, o); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// Stop ends the servers that this process owns: gently at first, and by force after
// [stopLimit]. It may be called again and from several goroutines; each call returns
// when all have ended.
func (s *Services) Stop() {
	for _, server := range s.owned {
		server.cancel()
	}
	for _, server := range s.owned {
		<-server.stopped
	}
	if s.mini != nil {
		s.mini.Close()
	}
}

// PIDs are the processes of the servers that this process owns: none for a
// guest, and none for miniredis.
func (s *Services) PIDs() []int {
	var pids []int
	for _, server := range s.owned {
		pids = append(pids, server.pid())
	}
	return pids
}
