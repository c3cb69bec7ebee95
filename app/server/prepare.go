package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices"
	"example.com/prefab/app/settings"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/querylog"
)

// WithDatabase runs a command on the database, the embedded one if none is set.
func WithDatabase(ctx context.Context, o Options, command func(context.Context, *sqlx.DB) error) error {
	stop, err := o.startEmbedded(ctx, false)
	if err != nil {
		return err
	}
	defer stop()
	return o.withDatabase(ctx, command)
}

func (o *Options) withDatabase(ctx context.Context, command func(context.Context, *sqlx.DB) error) error {
	db, err := o.Settings.openDatabase(o.Settings.DatabaseURL, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := await(ctx, o.Settings.StartTimeout, "PostgreSQL", db.PingContext, o.Log); err != nil {
		return err
	}
	return command(ctx, db)
}

// startEmbedded starts the servers whose addresses the settings leave empty, and sets them.
func (o *Options) startEmbedded(ctx context.Context, withRedis bool) (stop func(), err error) {
	s := &o.Settings
	dev := devservices.Options{
		Log: o.Log, NeedPostgres: s.DatabaseURL == "", NeedRedis: withRedis && s.RedisURL == "",
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
			return nil, err
		}
	}
	servers, err := devservices.Start(ctx, dev)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err() // not the error of a server that was interrupted
	}
	if err != nil {
		return nil, fmt.Errorf("start the embedded servers: %w", err)
	}
	if dev.NeedPostgres {
		s.DatabaseURL = settings.ServerURL(servers.DatabaseURL)
	}
	if dev.NeedRedis {
		s.RedisURL = settings.ServerURL(servers.RedisURL)
	}
	return servers.Stop, nil
}

// findCheckout returns the working directory, which must be the program's checkout: in
// any other folder a command would make a new, empty database. Its error names the
// settings that make embedded servers unnecessary.
func findCheckout(settings string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	if isCheckout(dir) {
		return dir, nil
	}
	return "", fmt.Errorf("the embedded servers keep their data in the checkout, and %s is not one: "+
		"run the command in the folder with the program's go.mod, or set %s", dir, settings)
}

// isCheckout reports whether the folder has the go.mod of this program's module.
func isCheckout(dir string) bool {
	text, _ := os.ReadFile(filepath.Join(dir, "go.mod")) //nolint:gosec // the name is fixed
	own := ""                                            // unknown after go run main.go
	if built, ok := debug.ReadBuildInfo(); ok {
		own = built.Main.Path
	}
	for line := range strings.Lines(string(text)) {
		if module, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			return own == "" || module == own
		}
	}
	return false
}

func (s Settings) openDatabase(url settings.ServerURL, observe querylog.Observer) (*sqlx.DB, error) {
	return postgres.Open(postgres.Options{
		URL: string(url), MaxConns: s.DatabaseMaxConns, Prepared: s.DatabasePrepared, Comments: s.SQLComments,
		Observe: observe,
	})
}

// OpenReplica returns nil without DATABASE_REPLICA_URL.
func OpenReplica(s Settings) (*sqlx.DB, error) {
	if s.DatabaseReplicaURL == "" {
		return nil, nil
	}
	return s.openDatabase(s.DatabaseReplicaURL, nil)
}
