package server

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices"
	"example.com/prefab/app/settings"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/querylog"
)

// prepare runs once per service, before its processes serve. It starts embedded servers,
// sets their URLs in o.Settings, and migrates the database. stop stops the servers.
func (o *Options) prepare(ctx context.Context) (stop func(), embedded bool, err error) {
	stop, embedded, err = o.startEmbedded(ctx, true)
	if err != nil {
		return nil, false, err
	}
	if err := o.withDatabase(ctx, embedded, o.Prepare); err != nil {
		stop()
		return nil, false, err
	}
	return stop, embedded, nil
}

// WithDatabase runs a command on the database, the embedded one if none is set.
func WithDatabase(ctx context.Context, o Options, command func(context.Context, *sqlx.DB) error) error {
	stop, embedded, err := o.startEmbedded(ctx, false)
	if err != nil {
		return err
	}
	defer stop()
	return o.withDatabase(ctx, embedded, func(ctx context.Context, db *sqlx.DB, _ bool) error { return command(ctx, db) })
}

func (o *Options) withDatabase(
	ctx context.Context, embedded bool, do func(ctx context.Context, db *sqlx.DB, embedded bool) error,
) error {
	db, err := o.Settings.openDatabase(o.Settings.DatabaseURL, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := await(ctx, o.Settings.StartTimeout, "PostgreSQL", db.PingContext, o.Log); err != nil {
		return err
	}
	return do(ctx, db, embedded)
}

// startEmbedded starts the servers whose addresses the settings leave empty.
func (o *Options) startEmbedded(ctx context.Context, withRedis bool) (stop func(), embedded bool, err error) {
	s := &o.Settings
	dev := devservices.Options{
		Database: "prefab", Log: o.Log, NeedPostgres: s.DatabaseURL == "", NeedRedis: withRedis && s.RedisURL == "",
	}
	var missing []string
	if dev.NeedPostgres {
		missing = append(missing, "DATABASE_URL")
	}
	if dev.NeedRedis {
		missing = append(missing, "REDIS_URL")
	}
	if len(missing) > 0 {
		if dev.Dir, err = findCheckout(strings.Join(missing, " and ")); err != nil {
			return nil, false, err
		}
	}
	servers, err := devservices.Start(ctx, dev)
	if ctx.Err() != nil {
		return nil, false, ctx.Err() // not the error of a server that was interrupted
	}
	if err != nil {
		return nil, false, fmt.Errorf("start the embedded servers: %w", err)
	}
	if dev.NeedPostgres {
		s.DatabaseURL = settings.ServerURL(servers.DatabaseURL)
	}
	if dev.NeedRedis {
		s.RedisURL = settings.ServerURL(servers.RedisURL)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		if err := servers.Stop(ctx); err != nil {
			o.Log.Error("embedded servers did not stop", "error", err)
		}
	}, dev.NeedPostgres, nil
}

func (s Settings) openDatabase(url settings.ServerURL, observe querylog.Observer) (*sqlx.DB, error) {
	return postgres.Open(postgres.Options{
		URL: string(url), MaxConns: s.DatabaseMaxConns, Prepared: s.DatabasePrepared, Observe: observe,
	})
}

// OpenReplica returns nil without DATABASE_REPLICA_URL.
func OpenReplica(s Settings) (*sqlx.DB, error) {
	if s.DatabaseReplicaURL == "" {
		return nil, nil
	}
	return s.openDatabase(s.DatabaseReplicaURL, nil)
}
