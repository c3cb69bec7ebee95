//go:build unix

package devservices

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

func (s *Services) start(ctx context.Context, o Options) error {
	p, err := findLayout(o.Dir)
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
		forgetEnvironment(o.Log)
		d := &postgres{layout: p, search: search, database: o.Database, disposable: o.Disposable, log: o.Log}
		s.DatabaseURL = d.url()
		tasks.Go(func() (err error) {
			pg, err = run(ctx, d, p, o)
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

func (s *Services) startRedis(ctx context.Context, o Options, p layout, search *searchPath) (running, error) {
	d := &redisServer{layout: p, disposable: o.Disposable}
	s.RedisURL = d.url()

	var found bool
	if d.program, found = search.redis(); found {
		return run(ctx, d, p, o)
	}
	if o.Disposable {
		return nil, errNoRedis
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

// forgetEnvironment unsets PostgreSQL's variables, which are for another server
// than the one started here. lib/pq reads them with any URL, and refuses some.
func forgetEnvironment(log *slog.Logger) {
	var names []string
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "PG") {
			names = append(names, name)
			_ = os.Unsetenv(name)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		log.Info("ignoring PostgreSQL's environment variables, since the embedded server is used", "variables", names)
	}
}
