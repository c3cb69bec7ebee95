// Package app puts the service together: settings, wiring, routes, commands.
package app

import (
	"context"
	"log/slog"
	"net"

	"github.com/gofiber/fiber/v2"
	fiberredis "github.com/gofiber/storage/redis/v3"
	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/handlers"
	"example.com/prefab/jobs"
	"example.com/prefab/middleware"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services"
)

// Serve serves on the listener, which it closes, until ctx ends; then it drains
// within the settings' times. It is one process's part of the service: Prepare
// has run before, and several processes may serve side by side. Until PostgreSQL
// answers, only the health routes do.
func Serve(ctx context.Context, cfg Config, listener net.Listener, log *slog.Logger) error {
	defer listener.Close()
	metrics := prometheus.NewRegistry()

	db, err := openDatabase(cfg, querylog.Join(querylog.Metrics(metrics), querylog.Log(log)))
	if err != nil {
		return err
	}
	defer db.Close()
	metrics.MustRegister(collectors.NewDBStatsCollector(db.DB, "prefab"))

	redis, err := repositories.OpenRedis(string(cfg.RedisURL), cfg.RedisMaxConns)
	if err != nil {
		return err
	}
	defer redis.Close()

	values := cache.New(cache.Options{
		Client: redis, Prefix: "prefab:cache:", MemoryTTL: cfg.CacheL1TTL,
		MaxItems: cfg.CacheL1MaxItems, MaxBytes: cfg.CacheL1MaxBytes, ValueLimit: cfg.CacheValueLimit,
		Budget: cfg.CacheBudget, Log: log, Metrics: metrics,
	})
	defer values.Close()

	pingRedis := func(ctx context.Context) error { return redis.Ping(ctx).Err() }
	health := services.NewHealth(
		services.Dependency{Name: handlers.Database, Check: db.PingContext},
		services.Dependency{Name: handlers.Redis, Check: pingRedis},
	)

	server := wire(cfg, db, redis, values, health, log)
	start := func() error {
		err := awaitServers(ctx, cfg, db.PingContext, pingRedis, log)
		if err == nil {
			values.Start(ctx)
		}
		return err
	}

	runner := jobs.NewRunner(log)
	runner.Add(jobs.WatchMemory(cfg.MemoryCheckInterval, cfg.MemoryThreshold, log))

	return serve(ctx, cfg, listener, start, server, runner, health, log)
}

// wire says what depends on what.
func wire(
	cfg Config, db *sqlx.DB, client redis.UniversalClient, values *cache.Cache, health *services.Health, log *slog.Logger,
) *fiber.App {
	users := services.NewUsers(
		repositories.NewUsers(db),
		repositories.NewSignIns(client, repositories.SignInLimit{
			Here: cfg.SignInLimit, PerAccount: cfg.SignInAccountLimit, PerAddress: cfg.SignInAddressLimit,
			Window: cfg.SignInWindow,
		}),
		services.NewPasswords(cfg.PasswordConcurrency),
	)
	products := services.NewProducts(repositories.CacheProducts(repositories.NewProducts(db), values,
		repositories.CacheTimes{TTL: cfg.CacheTTL, Grace: cfg.CacheGrace, Absent: cfg.CacheAbsentTTL}))
	stock := services.NewStock(repositories.InvalidateStock(repositories.NewStock(db), values))
	reviews := services.NewReviews(repositories.InvalidateReviews(repositories.NewReviews(db), values))

	sessions := middleware.NewSessions(middleware.SessionConfig{
		Storage: middleware.Prefix(fiberredis.NewFromConnection(client), "prefab:session:"),
		TTL:     cfg.SessionTTL,
		Secure:  cfg.Env == Production,
	}, users)

	compressor := middleware.NewCompressor(middleware.CompressConfig{
		Level: cfg.CompressLevel, MinBytes: cfg.CompressMinBytes,
	})
	pages := middleware.NewCache(middleware.CacheConfig{
		Pages: cache.NewTable[*middleware.Page](values, cache.TableOptions{Name: "page"}),
		TTL:   cfg.HTTPCacheTTL, Compressor: compressor,
	})

	streams := handlers.NewStreams(handlers.StreamConfig{
		Concurrency: min(cfg.ExportConcurrency, max(1, cfg.DatabaseMaxConns-1)), // never the whole pool
		Timeout:     cfg.ExportTimeout, WriteTimeout: cfg.WriteTimeout, Log: log,
	})

	server := newServer(cfg, log)
	server.Hooks().OnShutdown(func() error { streams.Stop(); return nil }) // those that have not drained in time
	server.Use(
		middleware.Trace(cfg.RequestTimeout, cfg.proxies),
		middleware.AccessLog(log),
		middleware.SecurityHeaders(),
		middleware.Recover(),
		middleware.SameOrigin(),
		sessions.Recognize,
		middleware.Validators,
		compressor.Handle,
	)
	routes(server, middleware.Started(health), sessions, pages, routed{
		compact:  func(names map[string]string) fiber.Handler { return middleware.Compact(cfg.CompactMinBytes, names) },
		products: handlers.NewProducts(products, streams),
		stock:    handlers.NewStock(stock),
		reviews:  handlers.NewReviews(reviews),
		session:  &handlers.Session{Users: users, Start: sessions.Start, End: sessions.End},
		health:   &handlers.Health{Health: health, Environment: string(cfg.Env), MaxHeapMB: cfg.HealthMaxHeapMB},
	})
	return server
}
