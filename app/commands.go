package app

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/term"

	"example.com/prefab/app/settings"
	"example.com/prefab/repositories/migrate"
	"example.com/prefab/repositories/seed"
)

// withDatabase runs do on the configured or embedded database.
func withDatabase(ctx context.Context, e environment, do func(Config, *sqlx.DB) error) error {
	prepared, err := embed(ctx, e.cfg, e.log, false)
	if err != nil {
		return err
	}
	defer prepared.Stop(e.log)
	db, err := openDatabase(prepared.Config, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := await(ctx, e.cfg.StartTimeout, "PostgreSQL", db.PingContext, e.log); err != nil {
		return err
	}
	return do(prepared.Config, db)
}

func runMigrate(ctx context.Context, e environment, args []string) error {
	steps := map[string]func(context.Context, *sql.DB, migrate.Options) error{
		"up": migrate.Up, "down": migrate.Down,
		"status": func(context.Context, *sql.DB, migrate.Options) error { return nil },
	}
	if len(args) != 1 || steps[args[0]] == nil {
		return fmt.Errorf("migrate takes up, down or status: %w", ErrUsage)
	}
	options := migrationOptions(e.cfg, e.log)
	return withDatabase(ctx, e, func(_ Config, db *sqlx.DB) error {
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

func runSeed(ctx context.Context, e environment, args []string) error {
	flags := flag.NewFlagSet("seed", flag.ContinueOnError)
	flags.SetOutput(e.out)
	products := flags.Int("products", 10_000, "how many products to make, up to 1,000,000")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return errors.Join(err, ErrUsage)
	}
	if e.cfg.Env == Production {
		return errors.New("samples do not belong into production")
	}
	return withDatabase(ctx, e, func(cfg Config, db *sqlx.DB) error {
		if err := migrate.Up(ctx, db.DB, migrationOptions(cfg, e.log)); err != nil {
			return err
		}
		if err := addSampleUsers(ctx, db, cfg); err != nil {
			return err
		}
		err := seed.Catalogue(ctx, db, seed.Options{Products: *products, Progress: progress(e.out)})
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "%d products are in the catalogue.\n", *products)
		return nil
	})
}

// progress returns what draws a progress line, on a terminal; elsewhere it would
// only fill a log.
func progress(out io.Writer) func(done, total int) {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return func(done, total int) {
		fmt.Fprintf(file, "\r%3d%%", 100*done/max(total, 1))
		if done >= total {
			fmt.Fprint(file, "\r")
		}
	}
}

func runHealthcheck(ctx context.Context, e environment, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("healthcheck takes no arguments: %w", ErrUsage)
	}
	if e.cfg.Port == 0 {
		return errors.New("PORT is 0, any free one: nobody can tell where the service listens")
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var problems []error
	for _, host := range reachable(string(e.cfg.Host)) {
		err := askLive(ctx, "http://"+net.JoinHostPort(host, strconv.Itoa(e.cfg.Port))+"/health/live")
		if err == nil {
			return nil
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// reachable returns where a service on the host can be asked: no client can connect
// to 0.0.0.0 or :: everywhere. A bare image cannot look up localhost.
func reachable(host string) []string {
	switch ip := net.ParseIP(host); {
	case ip == nil || !ip.IsUnspecified():
		return []string{host}
	case ip.To4() != nil:
		return []string{"127.0.0.1"}
	}
	return []string{"127.0.0.1", "::1"} // it may listen on both or on IPv6 alone
}

// askLive asks this service and nobody else: neither a proxy from the environment
// nor where an answer points to.
func askLive(ctx context.Context, url string) error {
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return err // it names the URL
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

func runConfig(_ context.Context, e environment, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("config takes no arguments: %w", ErrUsage)
	}
	settings.Print(e.out, &e.cfg)
	return nil
}
