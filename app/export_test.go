package app

import (
	"context"
	"io"
	"log/slog"
	"net"

	"github.com/gofiber/fiber/v2"
	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/jobs/runner"
	"example.com/prefab/middleware"
	"example.com/prefab/middleware/httpcache"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/health"
)

// What the tests, which stand outside, need of the inside.
var (
	LimitMemory = limitMemory

	CookieSuffix = cookieSuffix
)

// NewLogger is the program's logger, which writes every line within a moment. An out that
// has Flushes is given what writes them at once.
func NewLogger(cfg Config, out io.Writer) *slog.Logger {
	log, flush := newLogger(cfg, out)
	if out, ok := out.(interface{ Flushes(flush func()) }); ok {
		out.Flushes(flush)
	}
	return log
}

// Wire is a process's server on pools of the caller's.
func Wire(
	cfg Config, db *sqlx.DB, client redis.UniversalClient, values *cache.Cache, life *health.Monitor, log *slog.Logger,
) *fiber.App {
	p := process{
		cfg: cfg, log: log, metrics: prometheus.NewRegistry(), db: db, redis: client, values: values, health: life,
	}
	w, err := p.wire()
	if err != nil {
		panic(err)
	}
	return w.server
}

// Drive serves as a process does, beside jobs.
func Drive(
	ctx context.Context, cfg Config, listener net.Listener, server *fiber.App, r *runner.Runner,
	life *health.Monitor, log *slog.Logger,
) error {
	p := process{cfg: cfg, log: log, health: life}
	return p.serve(ctx, listener, server, phases{
		publish: func() (stop func()) { return func() {} },
		start:   func() error { r.Start(); return nil },
		stop:    r.Stop,
	})
}

// Routes are the routes of a running service.
func Routes() []fiber.Route {
	server := fiber.New()
	nothing := func(*fiber.Ctx) error { return nil }
	compact := func(map[string]string) fiber.Handler { return nothing }
	pages := httpcache.New(httpcache.Config{})
	routes(server, nil, new(middleware.Guards), pages, routed{
		common: []any{nothing}, document: nothing, compress: nothing, compact: compact,
	}) // nothing is called
	return server.GetRoutes(true)
}
