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
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync/atomic"

	"github.com/gofiber/fiber/v2"
	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/console"
	"example.com/prefab/app/metrics"
	"example.com/prefab/app/prefork"
	"example.com/prefab/app/settings"
	"example.com/prefab/handlers/ops"
	"example.com/prefab/jobs/runner"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/services/health"
	"example.com/prefab/services/memory"
	"example.com/prefab/services/tracing"
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
	// Effective are the settings that the console shows.
	Effective []settings.Field
	// Welcome is called with the service's URL if the database is embedded.
	Welcome func(url string)
}

// Service is what a process serves. Start, Stop and Close may be nil.
type Service struct {
	App    *fiber.App
	Health *ops.Health
	Jobs   *runner.Runner        // for the console, as are
	Queues []console.DeadLetters // what could not be delivered

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

	spans   tracing.Recorder // nil: none are recorded
	worker  *prefork.Worker  // nil: a single process
	admin   bool             // it serves ADMIN_ADDR
	closing atomic.Bool      // the listener is closed

	statements  querylog.Texts // sent by this process
	connections *connections   // of clients
}

// openAndServe opens the pools, builds the service on them, serves, and closes the pools.
func (o Options) openAndServe(ctx context.Context, listener net.Listener, p *Process) (err error) {
	defer listener.Close()
	s, registry := o.Settings, prometheus.NewRegistry()
	p.Settings, p.Log, p.Metrics = s, o.Log, registry
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	observers := []querylog.Observer{
		querylog.Metrics(registry), querylog.Log(o.Log, s.SlowQueryThreshold), p.statements.Observe,
	}
	if s.Env == Development {
		observers = append(observers, querylog.Record)
	}
	flush, err := p.recordSpans(ctx)
	if err != nil {
		return err
	}
	defer flush()
	if p.spans != nil {
		observers = append(observers, querylog.Spans)
	}
	observe := func(ctx context.Context, e querylog.Event) {
		for _, observer := range observers {
			observer(ctx, e)
		}
	}
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
	for _, name := range p.Health.Names() {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "prefab_dependency_up", ConstLabels: prometheus.Labels{"dependency": name},
			Help: "1 if the server answers this process.",
		}, func() float64 { return number(!slices.Contains(p.Health.Down(context.Background()), name)) }))
	}
	service, err := o.Build(p)
	if err != nil {
		return err
	}
	if service.Close != nil {
		defer service.Close()
	}
	p.connections = serveConnections(listener, service.App.Server(), registry, o.Log)
	if p.admin {
		merged, answer := metrics.SingleProcess(registry), p.consoleProcess(service).Answer
		show := o.consoleOptions(merged, p.Redis)
		show.Workers = p.asWorker
		show.Ask = func(ctx context.Context, _ int, question []byte) ([]byte, error) { return answer(ctx, question), nil }
		stop, err := o.startAdmin(ctx, adminPages{
			metrics: merged, health: service.Health.Report, readiness: p.readiness, console: console.New(show),
		})
		if err != nil {
			return err
		}
		defer stop()
	}
	return p.serveAndDrain(ctx, p.connections, service)
}

func (p *Process) pingRedis(ctx context.Context) error { return redisclient.Ping(ctx, p.Redis) }

func (p *Process) readiness(ctx context.Context) (health.State, []string) {
	if state := p.Health.State(); state != health.Ready {
		return state, nil
	}
	return health.Ready, p.Health.Down(ctx)
}

// NewHealth returns the health routes. writeBehind tells how writes are buffered, if they are.
func (p *Process) NewHealth(writeBehind func() string) *ops.Health {
	s := p.Settings
	return &ops.Health{
		Monitor: p.Health, Memory: memory.NewMeter(s.WorkerCount()), WriteBehind: writeBehind,
		Environment: string(s.Env), MaxHeapMB: s.HealthMaxHeapMB, Detail: s.ShowsHealthDetail(),
	}
}

// CookieSuffix differs between the checkouts on one machine, and is empty in production.
// Browsers send the cookies of a host to all its ports, so that two services would sign
// each other's users out.
func (p *Process) CookieSuffix() string {
	if p.Settings.Env == Production {
		return ""
	}
	checkout, _ := os.Getwd() // on an error all have the same suffix
	sum := sha256.Sum256([]byte(checkout))
	return "-" + hex.EncodeToString(sum[:4])
}
