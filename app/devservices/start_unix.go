//go:build unix

package devservices

import (
	"context"
	"os"

	"golang.org/x/sync/errgroup"
)

func (s *Services) start(ctx context.Context, o Options) error {
	p, err := findPlace(o.Dir)
	if err != nil {
		return err
	}
	search := o.search
	if search == nil {
		search = machinePath()
	}

	// Both at once: the slower one alone decides how long a start takes.
	var pg, rd running
	tasks, ctx := errgroup.WithContext(ctx)
	if o.NeedPostgres {
		forgetDetours(o)
		d := &postgres{place: p, search: search, database: o.Database, disposable: o.Disposable, log: o.Log}
		s.DatabaseURL = d.url()
		tasks.Go(func() (err error) {
			pg, err = run(ctx, d, p, o.Log)
			return err
		})
	}
	if o.NeedRedis {
		tasks.Go(func() (err error) {
			rd, err = s.startRedis(ctx, o, p, search)
			return err
		})
	}
	err = tasks.Wait()
	for _, r := range []running{pg, rd} {
		if r != nil {
			s.owned = append(s.owned, r)
		}
	}
	return err
}

func (s *Services) startRedis(ctx context.Context, o Options, p place, search *searchPath) (running, error) {
	d := &redisServer{place: p, disposable: o.Disposable}
	s.RedisURL = d.url()

	var found bool
	if d.program, found = search.redis(); found {
		return run(ctx, d, p, o.Log)
	}
	if o.Disposable {
		return nil, errNoRedis()
	}
	if d.answers(ctx) == nil {
		return nil, nil // another process of this checkout did find one
	}
	m, err := startMini(o.Log)
	if err != nil {
		return nil, err
	}
	s.RedisURL, s.MiniRedis = m.url(), true
	return m, nil
}

// forgetDetours unsets the two variables that lib/pq lets win over what a
// connection URL says, and that would lead the application to another server
// than the one started here.
func forgetDetours(o Options) {
	for _, name := range []string{"PGHOSTADDR", "PGSERVICE"} {
		if os.Getenv(name) != "" {
			o.Log.Warn("ignoring a variable that points away from this checkout's PostgreSQL", "variable", name)
			_ = os.Unsetenv(name)
		}
	}
}
