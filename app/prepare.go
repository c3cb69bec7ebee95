package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices"
	"example.com/prefab/app/settings"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/migrate"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/querylog"
)

// Prepared is what a service needs before its processes serve.
type Prepared struct {
	Config   Config // the given one, with the addresses of embedded servers
	Embedded bool   // PostgreSQL is ours, and holds the sample

	servers *devservices.Services
}

// Prepare does, once per service, what comes before serving: it starts the
// embedded servers where none are configured, migrates the schema, and fills an
// embedded database with the sample catalogue. Stop undoes the first.
func Prepare(ctx context.Context, cfg Config, log *slog.Logger) (*Prepared, error) {
	p, err := embed(ctx, cfg, log, true)
	if err != nil {
		return nil, err
	}
	if err := p.fill(ctx, log); err != nil {
		p.Stop(log)
		return nil, err
	}
	return p, nil
}

// embed starts the servers that the settings leave out.
func embed(ctx context.Context, cfg Config, log *slog.Logger, withRedis bool) (*Prepared, error) {
	o := devservices.Options{
		Database: "prefab", Log: log, NeedPostgres: cfg.DatabaseURL == "", NeedRedis: withRedis && cfg.RedisURL == "",
	}
	var missing []string
	if o.NeedPostgres {
		missing = append(missing, "DATABASE_URL")
	}
	if o.NeedRedis {
		missing = append(missing, "REDIS_URL")
	}
	if len(missing) > 0 {
		var err error
		if o.Dir, err = findCheckout(strings.Join(missing, " and ")); err != nil {
			return nil, err
		}
	}
	servers, err := devservices.Start(ctx, o)
	if ctx.Err() != nil {
		return nil, ctx.Err() // what a server said when it was interrupted is of no interest
	}
	if err != nil {
		return nil, fmt.Errorf("start the embedded servers: %w", err)
	}
	p := &Prepared{Config: cfg, Embedded: o.NeedPostgres, servers: servers}
	if o.NeedPostgres {
		p.Config.DatabaseURL = settings.ServerURL(servers.DatabaseURL)
	}
	if o.NeedRedis {
		p.Config.RedisURL = settings.ServerURL(servers.RedisURL)
	}
	return p, nil
}

func (p *Prepared) fill(ctx context.Context, log *slog.Logger) error {
	db, err := openDatabase(p.Config, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := await(ctx, p.Config.StartTimeout, "PostgreSQL", db.PingContext, log); err != nil {
		return err
	}
	if err := migrate.Up(ctx, db.DB, migrationOptions(p.Config, log)); err != nil {
		return err
	}
	if p.Config.Env == Production {
		return refuseSampleUsers(ctx, db)
	}
	if p.Embedded {
		return fillSample(ctx, db, p.Config, log)
	}
	return nil
}

func migrationOptions(cfg Config, log *slog.Logger) migrate.Options {
	return migrate.Options{Files: repositories.Migrations, Timeout: cfg.StartTimeout, Log: log}
}

// Stop stops the embedded servers, if there are any.
func (p *Prepared) Stop(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := p.servers.Stop(ctx); err != nil {
		log.Error("embedded servers did not stop", "error", err)
	}
}

func openDatabase(cfg Config, observe querylog.Observer) (*sqlx.DB, error) {
	return openServer(cfg, cfg.DatabaseURL, observe)
}

// openReplica returns nil where there is none.
func openReplica(cfg Config, observe querylog.Observer) (*sqlx.DB, error) {
	if cfg.DatabaseReplicaURL == "" {
		return nil, nil
	}
	return openServer(cfg, cfg.DatabaseReplicaURL, observe)
}

func openServer(cfg Config, url settings.ServerURL, observe querylog.Observer) (*sqlx.DB, error) {
	return postgres.Open(postgres.Options{
		URL: string(url), MaxConns: cfg.DatabaseMaxConns, Prepared: cfg.DatabasePrepared, Observe: observe,
	})
}
