// Package app puts the service together: settings, stores, services, routes, jobs, commands.
package app

import (
	"context"
	"io/fs"
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v2"
	fiberredis "github.com/gofiber/storage/redis/v3"
	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/console"
	"example.com/prefab/app/server"
	"example.com/prefab/app/settings"
	"example.com/prefab/handlers"
	"example.com/prefab/handlers/docs"
	"example.com/prefab/handlers/openapi"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/middleware"
	"example.com/prefab/middleware/compress"
	"example.com/prefab/middleware/httpcache"
	"example.com/prefab/middleware/limit"
	"example.com/prefab/middleware/negotiate"
	"example.com/prefab/middleware/request"
	"example.com/prefab/middleware/session"
	"example.com/prefab/middleware/static"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/cache/invalidations"
	"example.com/prefab/repositories/migrate"
	"example.com/prefab/repositories/outbox"
	"example.com/prefab/repositories/ratelimit"
	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/services"
	"example.com/prefab/templates"
	"example.com/prefab/templates/views"

	// region sample
	"example.com/prefab/handlers/stream"
	"example.com/prefab/middleware/compact"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/writebehind"
	// endregion
)

// options tell the processes of the service what to do.
func options(cfg Config, log *slog.Logger) server.Options {
	effective := cfg
	return server.Options{
		Settings: cfg.Settings, Log: log, Effective: settings.Fields(&effective),
		Prepare: func(ctx context.Context, db *sqlx.DB, embedded bool) error {
			return prepare(ctx, db, cfg, embedded, log)
		},
		Build: func(p *server.Process) (*server.Service, error) {
			cfg.Settings = p.Settings // a worker has its part of the pools
			return build(cfg, p, openCache(cfg, p), errorFormat())
		},
	}
}

// prepare runs once, before the first process serves.
func prepare(ctx context.Context, db *sqlx.DB, cfg Config, embedded bool, log *slog.Logger) error {
	if err := migrate.Up(ctx, db.DB, migrations(cfg, log)); err != nil {
		return err
	}
	if cfg.Env == server.Production {
		return refuseSampleUsers(ctx, db)
	}
	if embedded {
		// region sample
		if err := addSampleProducts(ctx, db, log); err != nil {
			return err
		}
		// endregion
		return addSampleUsers(ctx, db, cfg)
	}
	return nil
}

func migrations(cfg Config, log *slog.Logger) migrate.Options {
	return migrate.Options{Files: repositories.Migrations, Timeout: cfg.StartTimeout, Log: log}
}

func openCache(cfg Config, p *server.Process) *cache.Cache {
	records := invalidations.New(p.DB)
	return cache.New(cache.Options{
		Client: p.Redis, Prefix: "prefab:cache:", MemoryTTL: cfg.Cache.MemoryTTL, MaxItems: cfg.Cache.MaxItems,
		MaxBytes:   cfg.Cache.MaxBytes / 4 * 3, // the other quarter is rest.JSONCache's
		ValueLimit: cfg.Cache.ValueLimit, Budget: cfg.Cache.Budget,
		Record: records.Record, Recorded: records.Recorded, Log: p.Log, Metrics: p.Metrics,
	})
}

func cacheTimes(cfg Config) repositories.CacheTimes {
	return repositories.CacheTimes{TTL: cfg.Cache.TTL, Grace: cfg.Cache.Grace, Absent: cfg.Cache.AbsentTTL}
}

// userStore returns the users in db, whose changes hold at once in all processes.
func userStore(db *sqlx.DB, values *cache.Cache, times repositories.CacheTimes) services.UserStore {
	var users services.UserStore = repositories.NewUsers(db)
	// region sample
	users = repositories.NewInvalidatingReviewers(users, db, values)
	// endregion
	if times.TTL > 0 {
		users = repositories.NewCachedUsers(users, values, times)
	}
	return users
}

// errorFormat is the form of every error's body. For one of your own see docs/errors.md.
func errorFormat() rest.ErrorFormat { return rest.ErrorFormat{} }

// linkStore returns the mailed links in db. Their effects on users hold at once too.
func linkStore(
	db *sqlx.DB, box *outbox.Outbox, values *cache.Cache, times repositories.CacheTimes,
) services.AccountLinkStore {
	links := repositories.NewAccountLinks(db, box)
	if times.TTL > 0 {
		return repositories.NewCachedUsersLinks(links, values)
	}
	return links
}

// tokenStore returns the tokens in db. A revocation holds at once in all processes.
func tokenStore(db *sqlx.DB, values *cache.Cache, times repositories.CacheTimes) services.TokenStore {
	tokens := repositories.NewTokens(db)
	if times.TTL > 0 {
		return repositories.NewCachedTokens(tokens, values, times)
	}
	return tokens
}

// build makes the service in one process, from the stores up to the routes.
func build(
	cfg Config, p *server.Process, values *cache.Cache, format rest.ErrorFormat,
) (*server.Service, error) {
	// Stores
	times := cacheTimes(cfg)
	userRows := userStore(p.DB, values, times)
	box := outbox.New(outbox.Options{DB: p.DB, Log: p.Log, Metrics: p.Metrics})
	links := linkStore(p.DB, box, values, times)
	// region sample
	stockStore := repositories.NewInvalidatingStock(repositories.NewStock(p.DB), values)
	buffer := writebehind.New(writebehind.Options[int64, int64]{
		Client: p.Redis, Prefix: "prefab:write-behind:", Name: "stock",
		BatchSize: cfg.WriteBehind.BatchSize, MaxPending: cfg.WriteBehind.MaxPending,
		Invalidate: stockStore.Invalidate, PutAndInvalidate: stockStore.PutAndInvalidate,
		WriteThrough: stockStore.Set, Log: p.Log, Metrics: p.Metrics,
	})
	stored := repositories.NewProducts(p.DB).ExportFrom(postgres.NewReplica(p.Replica, p.Log))
	var (
		categoryStore services.CategoryStore = repositories.NewCategories(p.DB)
		productStore  services.ProductStore  = repositories.NewPendingStock(stored, buffer, stockStore, values)
	)
	if cfg.Cache.TTL > 0 {
		categoryStore = repositories.NewCachedCategories(categoryStore, values, times)
		productStore = repositories.NewCachedProducts(productStore, values, times)
	} else {
		productStore = repositories.NewInvalidatingProducts(productStore, values) // pages are cached all the same
	}
	// endregion

	// Services
	users := newUsers(cfg, userRows, repositories.NewSignIns(p.Redis, "sign-in", repositories.SignInLimit{
		PerAccountAndAddress: cfg.SignInLimit, PerAccount: cfg.SignInAccountLimit, PerAddress: cfg.SignInAddressLimit,
		Window: cfg.SignInWindow,
	}, p.Metrics))
	accounts, err := newAccounts(cfg, p, box, links, userRows, users)
	if err != nil {
		return nil, err
	}
	tokens := services.NewTokens(tokenStore(p.DB, values, times), users)
	// region sample
	products := services.NewProducts(productStore)
	stock := services.NewStock(stockStore, buffer, productStore, cfg.WriteBehind.BatchSize)
	reviews := services.NewReviews(repositories.NewInvalidatingReviews(repositories.NewReviews(p.DB), values))
	// endregion

	// Middleware
	sessions := session.New(session.Config{
		// Once: a session that is saved again, late, would outlive its sign-out.
		Storage: session.Prefix(fiberredis.NewFromConnection(
			redisclient.Once{UniversalClient: redisclient.NewBatched(p.Redis)}), "prefab:session:"),
		TTL: cfg.SessionTTL, Secure: cfg.Env == server.Production, Suffix: p.CookieSuffix(),
	})
	limits := middleware.Limits{Limits: limit.New(
		ratelimit.NewRates(p.Redis, "prefab:limit:", cfg.Cache.Budget).Take, p.Metrics, p.Log)}
	compressor := compress.New(compress.Config{Level: cfg.CompressLevel, MinBytes: cfg.CompressMinBytes})
	responses := httpcache.New(httpcache.Config{
		Store: cache.NewTable[*httpcache.Page](values, cache.TableOptions{Name: "page"}),
		TTL:   cfg.HTTPCacheTTL, Compress: compressor.Apply,
	})
	documentCache := httpcache.Fiber(session.Prefix(fiberredis.NewFromConnection(
		redisclient.Once{UniversalClient: p.Redis, Budget: cfg.Cache.Budget}), "prefab:fiber:"), cfg.HTTPCacheTTL)

	// Handlers
	files, onDisk := views.Files(templates.Files, "templates", cfg.Env == server.Development)
	assets, err := fs.Sub(files, "static")
	if err != nil {
		return nil, err
	}
	staticFiles, err := static.New(staticRoute, assets, onDisk)
	if err != nil {
		return nil, err
	}
	html, err := views.New(files, templates.Funcs(staticFiles.URL), onDisk)
	if err != nil {
		return nil, err
	}
	var writeBehind func() string // nil: no writes are buffered
	// region sample
	streams := stream.NewSender(stream.Config{
		Concurrency: min(cfg.ExportConcurrency, max(1, cfg.DatabaseMaxConns-1)), // never the whole pool
		Timeout:     cfg.ExportTimeout, WriteTimeout: cfg.WriteTimeout, Log: p.Log,
	})
	writeBehind = buffer.Mode
	// endregion
	health := p.NewHealth(writeBehind)
	description := handlers.API(sessions.Cookie(), format)
	document, err := openapi.Handler(description)
	if err != nil {
		return nil, err
	}
	docsFiles, err := static.New(docsRoute+"/", docs.Files, false)
	if err != nil {
		return nil, err
	}
	docsPage := docs.Handler(description, docs.Options{Asset: docsFiles.URL, Try: cfg.Env == server.Development})
	signIn := &handlers.Session{Users: users, Start: sessions.Start, End: sessions.End}
	ownAccount := &handlers.Accounts{Accounts: accounts.rules, Session: signIn}

	// Routes
	app := p.NewApp(html, rest.ErrorHandler(p.Log, handlers.ProblemPage(), format))
	accounts.showMails(app)
	// region sample
	app.Hooks().OnShutdown(func() error { streams.Stop(); return nil }) // those that have not drained in time
	// endregion
	routes(app, request.RequireStarted(p.Health), middleware.NewGuards(sessions, users, tokens), routeHandlers{
		responses: responses,
		common: []any{
			sessions.SameOrigin, request.Methods(), sessions.Detect, negotiate.ConditionalRequests, compressor.Handle,
		},
		openAPI:   []fiber.Handler{documentCache, compressor.Handle, document},
		docs:      []fiber.Handler{documentCache, compressor.Handle, docsPage},
		docsFiles: docsFiles,
		apiLimit:  limits.PerAddress("api", cfg.APIRateLimit, time.Minute),
		// region sample
		compact:  compact.New(cfg.CompactMinBytes, handlers.CompactNames),
		products: &handlers.Products{Products: products, JSON: rest.NewJSONCache(cfg.Cache.MaxBytes / 4), Streams: streams},
		stock:    &handlers.Stock{Stock: stock},
		reviews:  &handlers.Reviews{Reviews: reviews},
		// endregion
		session:  signIn,
		accounts: ownAccount,
		tokens:   &handlers.Tokens{Tokens: tokens},
		static:   staticFiles,
		pages: &handlers.Pages{
			// region sample
			Products: products, Categories: services.NewCategories(categoryStore), Stock: stock, Reviews: reviews,
			// endregion
			Session: signIn, Accounts: ownAccount, Tokens: tokens, DevReload: onDisk,
		},
		health: health,
	})

	jobs := schedule(
		cfg, p, box, links, outboxHandler(accounts),
		tokens,
		// region sample
		products, stock, buffer.RetryRequested(),
		// endregion
	)
	queues := []console.DeadLetters{box}
	// region sample
	queues = append(queues, buffer)
	// endregion
	return &server.Service{
		App: app, Health: health, Jobs: jobs, Queues: queues,
		Start: func(ctx context.Context) {
			values.Start(ctx)
			// region sample
			buffer.Start(ctx)
			// endregion
			jobs.Start()
		},
		Stop: func(ctx context.Context) error {
			err := jobs.Stop(ctx)
			if err := tokens.StoreUses(ctx); err != nil {
				p.Log.WarnContext(ctx, "the last uses of tokens are not stored", "error", err)
			}
			// region sample
			if err := stock.Flush(ctx); err != nil {
				p.Log.WarnContext(ctx, "stock writes stay in Redis; another process will store them", "error", err)
			}
			// endregion
			return err
		},
		Close: values.Close,
	}, nil
}
