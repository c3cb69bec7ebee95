//go:build unix

package devservices

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/alicebob/miniredis/v2"
)

func (s *Services) start(ctx context.Context, o Options) error {
	p, err := findLayout(o.Dir)
	if err != nil {
		return err
	}
	if o.programs == nil {
		o.programs = programFolders()
	}
	if o.NeedPostgres {
		forgetEnvironment(o.Log)
		d := &postgres{layout: p, programs: o.programs, disposable: o.Disposable, log: o.Log}
		s.DatabaseURL = d.url(databaseName)
		if err := s.run(ctx, d, p, o); err != nil {
			return err
		}
	}
	if !o.NeedRedis {
		return nil
	}
	program := findRedis(o.programs)
	switch {
	case program != "":
		d := &redisServer{layout: p, program: program, disposable: o.Disposable}
		s.RedisURL = d.url()
		return s.run(ctx, d, p, o)
	case o.Disposable:
		return errNoRedis
	default:
		return s.startMini(o.Log)
	}
}

// run makes the server answer.
func (s *Services) run(ctx context.Context, d daemon, p layout, o Options) error {
	server, err := startServer(ctx, d, p, o)
	if server != nil {
		s.owned = append(s.owned, server)
	}
	return err
}

// startMini listens on a random port, since miniredis knows no Unix sockets; the
// password keeps the machine's other users out.
func (s *Services) startMini(log *slog.Logger) error {
	redis, password := miniredis.NewMiniRedis(), rand.Text()
	redis.RequireAuth(password)
	redis.ClockTTL(true) // otherwise nothing ever expires
	if err := redis.StartAddr("127.0.0.1:0"); err != nil {
		return fmt.Errorf("start miniredis: %w", err)
	}
	log.Warn("redis-server is not installed, using miniredis inside this process: " +
		"sessions and cached data are lost when it ends, and nothing is shared with other processes; " +
		"`make run` installs the real one")
	u := url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: redis.Addr(), Path: "/0"}
	s.RedisURL, s.mini = u.String(), redis
	return nil
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
