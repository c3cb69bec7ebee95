package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/server"
	"example.com/prefab/app/settings"
	"example.com/prefab/repositories/migrate"
)

const usage = `usage: prefab [command]

Commands:
  serve                    answer HTTP (the default)
  migrate up|down|status   change the database's schema, or show where it stands
  seed [--products N]      fill an empty catalogue with samples
  export [--format F] [--out FILE]
                           write all products as json, ndjson or csv
  user add|list|role|password|remove
                           make and change users: --email, --name, --role
  generate                 write code: a resource, job, page or migration (in a checkout)
  healthcheck              ask the running service whether it lives
  doctor [--production]    look for what would go wrong, and tell the cure
  top [--addr A] [--once]  watch the running service in the terminal
  config                   print the settings, passwords masked
  version                  print what this program was built from
`

// command is one word of the command line and what it does.
type command func(ctx context.Context, e environment, args []string) error

// environment is what a command works with.
type environment struct {
	cfg     Config
	environ []string
	log     *slog.Logger
	in      io.Reader
	out     io.Writer
}

// withDatabase runs a command on the database that is set, or on the embedded one.
func (e environment) withDatabase(ctx context.Context, do func(context.Context, *sqlx.DB) error) error {
	return server.WithDatabase(ctx, options(e.cfg, e.log), do)
}

var commands = map[string]command{
	"serve":   runServe,
	"migrate": runMigrate,
	// region sample
	"seed":   runSeed,
	"export": runExport,
	// endregion
	"user":        runUser,
	"generate":    runGenerate,
	"healthcheck": runHealthcheck,
	"doctor":      runDoctor,
	"top":         runTop,
	"config":      runConfig,
}

// ErrUsage says that the command line makes no sense.
var ErrUsage = errors.New("see prefab help")

// Run carries out the command line in args, with the settings in environ and
// the file .env. Logs and the command's answer go to out.
func Run(ctx context.Context, args, environ []string, in io.Reader, out io.Writer) error {
	name := "serve"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if name == "version" {
		return server.PrintVersion(out)
	}
	if name == "help" || name == "-h" || name == "--help" {
		_, err := io.WriteString(out, usage)
		return err
	}
	run, ok := commands[name]
	if !ok {
		_, _ = io.WriteString(out, usage)
		return fmt.Errorf("there is no command %q: %w", name, ErrUsage)
	}
	cfg, err := LoadConfig(environ, ".env")
	if err != nil {
		return err
	}
	log, flush := server.NewLogger(cfg.Settings, out)
	defer flush()
	return run(ctx, environment{cfg: cfg, environ: environ, log: log, in: in, out: out}, args)
}

// ErrInterrupted says that a second interrupt ended the service at once.
var ErrInterrupted = server.ErrInterrupted

func runServe(ctx context.Context, e environment, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("serve takes no arguments: %w", ErrUsage)
	}
	o := options(e.cfg, e.log)
	o.Welcome = func(url string) { printWelcome(e.out, url) }
	return server.Run(ctx, o)
}

func runMigrate(ctx context.Context, e environment, args []string) error {
	steps := map[string]func(context.Context, *sql.DB, migrate.Options) error{
		"up": migrate.Up, "down": migrate.Down,
		"status": func(context.Context, *sql.DB, migrate.Options) error { return nil },
	}
	if len(args) != 1 || steps[args[0]] == nil {
		return fmt.Errorf("migrate takes up, down or status: %w", ErrUsage)
	}
	options := migrations(e.cfg, e.log)
	return e.withDatabase(ctx, func(ctx context.Context, db *sqlx.DB) error {
		if err := steps[args[0]](ctx, db.DB, options); err != nil {
			return err
		}
		list, err := migrate.List(ctx, db.DB, options)
		if err != nil {
			return err
		}
		printStatus(e.out, list)
		return nil
	})
}

func printStatus(out io.Writer, list []migrate.Status) {
	var schema, program migrate.Status
	for _, m := range list {
		state := "waits"
		if !m.AppliedAt.IsZero() {
			state = "applied " + m.AppliedAt.UTC().Format(time.RFC3339)
			schema = m
		}
		switch {
		case m.Name == "":
			state += ", not in this program"
		case m.Changed:
			state += ", from other statements, as " + m.AppliedAs
		}
		if m.Name != "" {
			program = m
		}
		fmt.Fprintf(out, "%-40s %s\n", m, state)
	}
	if schema.Version > program.Version {
		fmt.Fprintf(out, "The schema is newer than this program: it is at %s, the program at %s.\n", schema, program)
	}
}

func runGenerate(ctx context.Context, e environment, args []string) error {
	return server.Generate(ctx, e.in, e.out, args)
}

func runHealthcheck(ctx context.Context, e environment, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("healthcheck takes no arguments: %w", ErrUsage)
	}
	return server.Healthcheck(ctx, e.cfg.Settings)
}

func runConfig(_ context.Context, e environment, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("config takes no arguments: %w", ErrUsage)
	}
	settings.Print(e.out, &e.cfg)
	return nil
}
