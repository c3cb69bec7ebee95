package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"strings"

	"github.com/jmoiron/sqlx"
	"golang.org/x/term"

	"example.com/prefab/app/server"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/migrate"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
	"example.com/prefab/services/export"
	"example.com/prefab/services/passwords"
)

// sampleProducts is how many an embedded database begins with.
const sampleProducts = 1000

// The passwords are public, so production refuses to start where one of them signs in.
var sampleUsers = []struct {
	user     services.User
	password string
}{
	{
		services.User{Email: "admin@prefab.example", Name: "Ada Admin", Role: services.Admin},
		"sample-admin-password",
	},
	{
		services.User{Email: "member@prefab.example", Name: "Max Member", Role: services.Member},
		"sample-member-password",
	},
}

// fillSample adds the sample users and, to an empty catalogue, the sample products.
func fillSample(ctx context.Context, db *sqlx.DB, cfg Config, log *slog.Logger) error {
	if err := addSampleUsers(ctx, db, cfg); err != nil {
		return err
	}
	err := repositories.Seed(ctx, db, repositories.SeedOptions{Products: sampleProducts})
	if errors.Is(err, repositories.ErrNotEmpty) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("fill the sample catalogue: %w", err)
	}
	log.Info("filled the sample catalogue", "products", sampleProducts)
	return nil
}

func addSampleUsers(ctx context.Context, db *sqlx.DB, cfg Config) error {
	store := repositories.NewUsers(db)
	users := newUsers(cfg, store, nil)
	for _, sample := range sampleUsers {
		_, err := store.ByEmail(ctx, sample.user.Email)
		if errors.Is(err, services.ErrNoUser) {
			_, err = users.Add(ctx, sample.user, sample.password)
		}
		if err != nil && !errors.Is(err, services.ErrEmailTaken) { // another start was quicker
			return fmt.Errorf("add the sample user %s: %w", sample.user.Email, err)
		}
	}
	return nil
}

// newUsers returns the rules of users. In production they reserve the addresses of
// the sample users: a visitor who registers one with the public password would keep
// the service from its next start.
func newUsers(cfg Config, store services.UserStore, limiter services.SignInLimiter) *services.Users {
	var reserved []string
	for _, sample := range sampleUsers {
		if cfg.Env == Production {
			reserved = append(reserved, sample.user.Email)
		}
	}
	return services.NewUsers(store, limiter, passwords.NewHasher(cfg.PasswordConcurrency), reserved...)
}

// refuseSampleUsers reports the sample users who can sign in with their public
// passwords. An address alone proves nothing: somebody may have taken it.
func refuseSampleUsers(ctx context.Context, db *sqlx.DB) error {
	store, passwords := repositories.NewUsers(db), passwords.NewHasher(1)
	var problems []error
	for _, sample := range sampleUsers {
		user, err := store.ByEmail(ctx, sample.user.Email)
		if errors.Is(err, services.ErrNoUser) {
			continue
		}
		var public bool
		if err == nil {
			public, err = passwords.Matches(ctx, sample.password, user.PasswordHash)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("check the password of %s: %w", sample.user.Email, err))
		}
		if public {
			problems = append(problems, fmt.Errorf("the sample user %[1]s, whose password is public, must not be in "+
				"production's database: DELETE FROM users WHERE email = '%[1]s' removes it", sample.user.Email))
		}
	}
	return errors.Join(problems...)
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
	return e.withDatabase(ctx, func(ctx context.Context, db *sqlx.DB) error {
		if err := migrate.Up(ctx, db.DB, migrations(e.cfg, e.log)); err != nil {
			return err
		}
		if err := addSampleUsers(ctx, db, e.cfg); err != nil {
			return err
		}
		err := repositories.Seed(ctx, db, repositories.SeedOptions{Products: *products, Progress: progress(e.out)})
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

const welcome = `
  %[1]s/                  the sample catalogue
  %[1]s/api/v1/products   the same as JSON
  %[1]s/openapi.json      every route
  %[1]s/health            how it is doing

  Sign in at %[1]s/login as
`

func printWelcome(out io.Writer, url string) {
	fmt.Fprintf(out, welcome, url)
	for _, sample := range sampleUsers {
		fmt.Fprintf(out, "    %-8s %s  %s\n", sample.user.Role, sample.user.Email, sample.password)
	}
	fmt.Fprintln(out)
}

func runExport(ctx context.Context, e environment, args []string) error {
	flags := flag.NewFlagSet("export", flag.ContinueOnError)
	flags.SetOutput(e.out)
	name := flags.String("format", string(export.JSON), "json, ndjson or csv")
	path := flags.String("out", "-", "the file to write; - is standard output")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return errors.Join(err, ErrUsage)
	}
	format, ok := export.ParseFormat(*name)
	if !ok {
		return fmt.Errorf("export takes the formats json, ndjson and csv: %w", ErrUsage)
	}
	log, flush := server.NewLogger(e.cfg.Settings, os.Stderr) // standard output may be the file
	defer flush()
	e.log = log
	return e.withDatabase(ctx, func(ctx context.Context, db *sqlx.DB) error {
		replica, err := server.OpenReplica(e.cfg.Settings)
		if err != nil {
			return err
		}
		if replica != nil {
			defer replica.Close()
		}
		products := services.NewProducts(repositories.NewProducts(db).ExportFrom(postgres.NewReplica(replica, e.log)))
		rows := counted(products.Export(ctx), rowsSoFar(os.Stderr))
		chunks := export.Encode(rows, services.ProductTable, format)
		if *path == "-" {
			return export.Write(e.out, chunks)
		}
		return export.WriteFile(*path, chunks)
	})
}

// counted tells progress, unless it is nil, of the rows as they pass.
func counted[T any](rows iter.Seq2[T, error], progress func(rows int, done bool)) iter.Seq2[T, error] {
	if progress == nil {
		return rows
	}
	return func(yield func(T, error) bool) {
		n := 0
		defer func() { progress(n, true) }()
		for row, err := range rows {
			if n++; n%10_000 == 0 {
				progress(n, false)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// rowsSoFar returns what draws how many rows have been written, on a terminal.
func rowsSoFar(file *os.File) func(rows int, done bool) {
	if !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return func(rows int, done bool) {
		line := fmt.Sprintf("%d rows", rows)
		if done {
			line = strings.Repeat(" ", len(line)) + "\r"
		}
		fmt.Fprint(file, "\r"+line)
	}
}
