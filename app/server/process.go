// Package server runs the processes of a service: alone, or as a supervisor with workers.
//
//	err := server.Run(ctx, server.Options{
//		Settings: cfg.Settings, Log: log,
//		Prepare: func(ctx context.Context, db *sqlx.DB, embedded bool) error { return migrate.Up(…) },
//		Build: func(p *server.Process) (*server.Service, error) {
//			app := p.NewApp(views, onError)
//			app.Get("/orders", …) // with p.DB, p.Redis, p.Log, p.Metrics
//			return &server.Service{App: app, Health: p.NewHealth(nil)}, nil
//		},
//	})
//
// Run starts embedded servers for settings that are empty, prepares the database once, and
// serves until ctx ends. Then it drains: readiness first, then HTTP, then Service.Stop, and
// the pools last. /metrics and /health are on ADMIN_ADDR, for all processes together.
package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/gofiber/fiber/v2"
	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/metrics"
	"example.com/prefab/handlers/ops"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/services/health"
	"example.com/prefab/services/memory"
)

// Options say what the processes serve.
type Options struct {
	Settings Settings
	Log      *slog.Logger

	// Prepare runs once per service, before any process serves: it migrates the schema.
	// embedded reports whether the database is the embedded one.
	Prepare func(ctx context.Context, db *sqlx.DB, embedded bool) error
	// Build makes the service. It runs in each process that serves.
	Build func(*Process) (*Service, error)
	// Welcome is called with the service's URL if the database is embedded.
	Welcome func(url string)
}

// Service is what a process serves. Start, Stop and Close may be nil.
type Service struct {
	App    *fiber.App
	Health *ops.Health

	Start func(ctx context.Context)       // once PostgreSQL answers; ctx ends when the process drains
	Stop  func(ctx context.Context) error // after Start and the last request; ctx ends with SHUTDOWN_TIMEOUT
	Close func()                          // at the end, before the pools close
}

// Process is what one process of the service has open.
type Process struct {
	Settings Settings // a worker has its part of the pools
	Log      *slog.Logger
	Metrics  *prometheus.Registry
	DB       *sqlx.DB
	Replica  *sqlx.DB // nil without DATABASE_REPLICA_URL
	Redis    redis.UniversalClient
	Health   *health.Monitor

	reporting reporting
	closing   atomic.Bool // the listener is closed
}

// reporting is how a process reports its state to the service. A process with the zero
// value serves alone, without an admin listener.
type reporting struct {
	report   func(ops.Report)          // publishes the process's health on ADMIN_ADDR
	admin    http.Handler              // GET /health on ADMIN_ADDR, if this process serves it
	isWorker bool                      // a supervisor runs this process
	ready    func() error              // of a worker: tells the supervisor that it serves
	workers  func() (ready, total int) // of the service
}

// Serve runs one process without the admin listener. It closes the listener when ctx ends.
// Until PostgreSQL answers, only the health routes serve.
func Serve(ctx context.Context, o Options, listener net.Listener) error {
	return o.openAndServe(ctx, listener, prometheus.NewRegistry(), reporting{})
}

// openAndServe opens the pools, builds the service on them, serves, and closes the pools.
func (o Options) openAndServe(
	ctx context.Context, listener net.Listener, registry *prometheus.Registry, reporting reporting,
) (err error) {
	defer listener.Close()
	s := o.Settings
	s.fitConnections(o.Log)
	p := &Process{Settings: s, Log: o.Log, Metrics: registry, reporting: reporting}
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	observe := querylog.Join(querylog.Metrics(registry), querylog.Log(o.Log),
		querylog.Slow(o.Log, s.SlowQueryThreshold))
	if p.DB, err = s.openDatabase(s.DatabaseURL, observe); err != nil {
		return err
	}
	defer p.DB.Close()
	registry.MustRegister(collectors.NewDBStatsCollector(p.DB.DB, "prefab"))
	if p.Redis, err = redisclient.Open(string(s.RedisURL), s.RedisMaxConns); err != nil {
		return err
	}
	defer p.Redis.Close()
	registry.MustRegister(redisclient.PoolMetrics(p.Redis))
	dependencies := []health.Dependency{
		{Name: ops.Database, Check: p.DB.PingContext}, {Name: ops.Redis, Check: p.pingRedis},
	}
	if s.DatabaseReplicaURL != "" {
		if p.Replica, err = s.openDatabase(s.DatabaseReplicaURL, observe); err != nil {
			return err
		}
		defer p.Replica.Close()
		registry.MustRegister(collectors.NewDBStatsCollector(p.Replica.DB, "replica"))
		dependencies = append(dependencies, health.Dependency{Name: ops.Replica, Check: p.Replica.PingContext})
	}
	p.Health = health.New(dependencies...)
	registry.MustRegister(healthMetrics{p.Health})
	if reporting.admin != nil {
		stop, err := startAdmin(ctx, s, metrics.SingleProcess(registry), reporting.admin, p.readiness, o.Log)
		if err != nil {
			return err
		}
		defer stop()
	}
	service, err := o.Build(p)
	if err != nil {
		return err
	}
	if service.Close != nil {
		defer service.Close()
	}
	return p.serveAndDrain(ctx, serveConnections(listener, service.App.Server(), registry, o.Log), service)
}

func (p *Process) pingRedis(ctx context.Context) error { return redisclient.Ping(ctx, p.Redis) }

// NewHealth returns the health routes. writeBehind tells how writes are buffered, if they are.
func (p *Process) NewHealth(writeBehind func() string) *ops.Health {
	s := p.Settings
	return &ops.Health{
		Monitor: p.Health, Memory: memory.NewMeter(s.WorkerCount()), WriteBehind: writeBehind, Workers: p.reporting.workers,
		Environment: string(s.Env), MaxHeapMB: s.HealthMaxHeapMB, Detail: s.ShowsHealthDetail(),
	}
}
