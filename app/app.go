// Package app puts the service together: settings, wiring, routes, commands.
package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/gofiber/fiber/v2"
	fiberredis "github.com/gofiber/storage/redis/v3"
	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/metrics"
	"example.com/prefab/handlers"
	"example.com/prefab/handlers/ops"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/handlers/stream"
	"example.com/prefab/middleware"
	"example.com/prefab/middleware/compact"
	"example.com/prefab/middleware/compress"
	"example.com/prefab/middleware/httpcache"
	"example.com/prefab/middleware/negotiate"
	"example.com/prefab/middleware/request"
	"example.com/prefab/middleware/session"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/repositories/writebehind"
	"example.com/prefab/services"
	"example.com/prefab/services/health"
	"example.com/prefab/services/memory"
)

// seat is a process's place in the service.
type seat struct {
	metrics *prometheus.Registry
	health  func(ops.Report)          // shows it on ADMIN_ADDR; nil where nobody does
	admin   http.Handler              // GET /health of ADMIN_ADDR, where the process serves that too; else nil
	ready   func() error              // tells that it serves; nil for a process that serves alone
	workers func() (ready, whole int) // of the service; nil alone
}

// process is what one process of the service holds open.
type process struct {
	seat    seat
	cfg     Config
	log     *slog.Logger
	metrics *prometheus.Registry
	db      *sqlx.DB
	replica *sqlx.DB // nil: there is none
	redis   redis.UniversalClient
	values  *cache.Cache
	closing atomic.Bool // the listener is closed
	health  *health.Monitor
}

// Serve serves on the listener, which it closes, until ctx ends; then it drains
// within the settings' times. It is one process's part of the service: Prepare
// has run before, and several processes may serve side by side. Until PostgreSQL
// answers, only the health routes do.
func Serve(ctx context.Context, cfg Config, listener net.Listener, log *slog.Logger) error {
	return serveAs(ctx, cfg, listener, log, seat{metrics: prometheus.NewRegistry()})
}

func serveAs(ctx context.Context, cfg Config, listener net.Listener, log *slog.Logger, seat seat) error {
	defer listener.Close()
	cfg.fitConnections(log)
	p := process{seat: seat, cfg: cfg, log: log, metrics: seat.metrics}
	p.metrics.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	explainer := querylog.NewExplainer(log)
	var err error
	observe := querylog.Join(
		querylog.Metrics(p.metrics), querylog.Log(log), querylog.Slow(log, cfg.SlowQueryThreshold, explainer.Explain),
	)
	p.db, err = openDatabase(cfg, observe)
	if err != nil {
		return err
	}
	defer p.db.Close()
	p.replica, err = openReplica(cfg, observe)
	if err != nil {
		return err
	}
	if p.replica != nil {
		defer p.replica.Close()
		p.metrics.MustRegister(collectors.NewDBStatsCollector(p.replica.DB, "replica"))
	}
	if cfg.SlowQueryExplain {
		explainer.Use(p.db.DB)
	}
	defer explainer.Close()
	p.metrics.MustRegister(collectors.NewDBStatsCollector(p.db.DB, "prefab"))

	p.redis, err = redisclient.Open(string(cfg.RedisURL), cfg.RedisMaxConns)
	if err != nil {
		return err
	}
	defer p.redis.Close()
	p.metrics.MustRegister(redisclient.PoolMetrics(p.redis))
	pingRedis := func(ctx context.Context) error { return redisclient.Ping(ctx, p.redis) }
	dependencies := []health.Dependency{
		{Name: ops.Database, Check: p.db.PingContext}, {Name: ops.Redis, Check: pingRedis},
	}
	if p.replica != nil {
		dependencies = append(dependencies, health.Dependency{Name: ops.Replica, Check: p.replica.PingContext})
	}
	p.health = health.New(dependencies...)
	p.metrics.MustRegister(healthMetrics{p.health})
	if seat.admin != nil {
		stop, err := startAdmin(ctx, cfg, metrics.Alone(p.metrics), seat.admin, p.readiness, log)
		if err != nil {
			return err
		}
		defer stop()
	}

	invalidations := repositories.NewInvalidations(p.db)
	p.values = cache.New(cache.Options{
		Client: p.redis, Prefix: "prefab:cache:", MemoryTTL: cfg.Cache.MemoryTTL,
		MaxItems: cfg.Cache.MaxItems, MaxBytes: cfg.Cache.MaxBytes / 4 * 3, ValueLimit: cfg.Cache.ValueLimit,
		Budget: cfg.Cache.Budget, Record: invalidations.Record, Recorded: invalidations.Recorded,
		Log: log, Metrics: p.metrics,
	})
	defer p.values.Close()

	w, err := p.wire()
	if err != nil {
		return err
	}
	listener = serveConnections(listener, w.server.Server(), p.metrics, log)
	runner := p.schedule(w)
	return p.serve(ctx, listener, w.server, phases{
		publish: func() (stop func()) {
			if p.seat.health == nil {
				return func() {}
			}
			return publishHealth(w.health.Report, p.seat.health)
		},
		start: func() error {
			err := awaitServers(ctx, cfg, p.db.PingContext, pingRedis, log)
			if err != nil {
				return err
			}
			p.values.Start(ctx)
			w.buffer.Start(ctx)
			runner.Start()
			return nil
		},
		stop: func(ctx context.Context) error {
			err := runner.Stop(ctx)
			if err := w.stock.Flush(ctx); err != nil {
				log.WarnContext(ctx, "changes of stock stay in Redis for another process to store", "error", err)
			}
			return err
		},
	})
}

// wired is what a process starts, schedules and serves.
type wired struct {
	server   *fiber.App
	health   *ops.Health
	products *services.Products
	stock    *services.Stock
	buffer   *writebehind.Buffer[int64, int64]
}

// wire says what depends on what.
func (p *process) wire() (wired, error) {
	cfg := p.cfg
	assets, err := loadAssets(cfg.Env == Development)
	if err != nil {
		return wired{}, err
	}
	stocks := repositories.InvalidateStock(repositories.NewStock(p.db), p.values)
	buffer := writebehind.New(writebehind.Options[int64, int64]{
		Client: p.redis, Prefix: "prefab:write-behind:", Name: "stock",
		BatchSize: cfg.WriteBehind.BatchSize, MaxPending: cfg.WriteBehind.MaxPending,
		Invalidate: repositories.InvalidateStocks(p.values), PutAndInvalidate: repositories.PutStock(p.values),
		WriteThrough: stocks.Set,
		Log:          p.log, Metrics: p.metrics,
	})
	stored := repositories.NewProducts(p.db).ExportFrom(postgres.NewReplica(p.replica, p.log))

	times := repositories.CacheTimes{TTL: cfg.Cache.TTL, Grace: cfg.Cache.Grace, Absent: cfg.Cache.AbsentTTL}
	var (
		accounts   services.UserStore     = repositories.NewUsers(p.db)
		categories services.CategoryStore = repositories.NewCategories(p.db)
		catalogue  services.ProductStore  = repositories.ShowPendingStock(stored, buffer, stocks, p.values)
	)
	if cfg.Cache.TTL > 0 {
		accounts = repositories.CacheUsers(accounts, p.values, times)
		categories = repositories.CacheCategories(categories, p.values, times)
		catalogue = repositories.CacheProducts(catalogue, p.values, times)
	} else {
		catalogue = repositories.InvalidateProducts(catalogue, p.values) // of which pages are made
	}
	users := newUsers(cfg, accounts,
		repositories.NewSignIns(p.redis, repositories.SignInLimit{
			PerAccountAndAddress: cfg.SignInLimit, PerAccount: cfg.SignInAccountLimit, PerAddress: cfg.SignInAddressLimit,
			Window: cfg.SignInWindow,
		}),
	)

	products := services.NewProducts(catalogue)
	stock := services.NewStock(stocks, buffer, catalogue, cfg.WriteBehind.BatchSize)
	reviews := services.NewReviews(repositories.InvalidateReviews(repositories.NewReviews(p.db), p.values))

	var suffix string
	if cfg.Env != Production {
		if suffix, err = cookieSuffix(); err != nil {
			return wired{}, err
		}
	}
	sessions := session.New(session.Config{
		// A session that is saved again, late, would outlive its sign-out.
		Storage: session.Prefix(
			fiberredis.NewFromConnection(redisclient.Once{UniversalClient: redisclient.NewBatched(p.redis)}), "prefab:session:",
		),
		TTL:    cfg.SessionTTL,
		Secure: cfg.Env == Production,
		Suffix: suffix,
	})

	compressor := compress.New(compress.Config{
		Level: cfg.CompressLevel, MinBytes: cfg.CompressMinBytes,
	})
	pages := httpcache.New(httpcache.Config{
		Store: cache.NewTable[*httpcache.Page](p.values, cache.TableOptions{Name: "page"}),
		TTL:   cfg.HTTPCacheTTL, Compress: compressor.Apply,
	})

	documents := httpcache.Fiber(session.Prefix(
		fiberredis.NewFromConnection(redisclient.Once{UniversalClient: p.redis, Budget: cfg.Cache.Budget}), "prefab:fiber:",
	), cfg.HTTPCacheTTL)

	streams := stream.NewSender(stream.Config{
		Concurrency: min(cfg.ExportConcurrency, max(1, cfg.DatabaseMaxConns-1)), // never the whole pool
		Timeout:     cfg.ExportTimeout, WriteTimeout: cfg.WriteTimeout, Log: p.log,
	})

	server := newServer(cfg, assets.views, &p.closing, p.log)
	server.Hooks().OnShutdown(func() error { streams.Stop(); return nil }) // those that have not drained in time
	server.Use(
		request.SecurityHeaders(),
		request.Trace(cfg.RequestTimeout, request.Proxies(cfg.TrustedProxies)),
		request.Metrics(p.metrics),
		request.AccessLog(p.log, cfg.SlowRequestThreshold),
		request.Recover(),
		request.CanonicalPath,
	)
	health := &ops.Health{
		Monitor: p.health, Memory: memory.NewMeter(cfg.WorkerCount()), WriteBehind: buffer.Mode,
		Workers:     p.seat.workers,
		Environment: string(cfg.Env), MaxHeapMB: cfg.HealthMaxHeapMB, Detail: cfg.ShowsHealthDetail(),
	}
	signIn := &handlers.Session{Users: users, Start: sessions.Start, End: sessions.End}
	routes(server, request.RequireStarted(p.health), middleware.NewGuards(sessions, users), pages, routed{
		common: []any{
			sessions.SameOrigin, request.Methods(), sessions.Detect, negotiate.ConditionalRequests, compressor.Handle,
		},
		cookie:   sessions.Cookie(),
		document: documents,
		compress: compressor.Handle,
		compact:  func(names map[string]string) fiber.Handler { return compact.New(cfg.CompactMinBytes, names) },
		products: handlers.NewProducts(products, rest.NewJSONCache(cfg.Cache.MaxBytes/4), streams),
		stock:    handlers.NewStock(stock),
		reviews:  handlers.NewReviews(reviews),
		session:  signIn,
		static:   assets.static,
		pages: &handlers.Pages{
			Products: products, Categories: services.NewCategories(categories), Stock: stock, Reviews: reviews,
			Session: signIn, DevReload: assets.reload,
		},
		health: health,
	})
	return wired{server: server, health: health, products: products, stock: stock, buffer: buffer}, nil
}
