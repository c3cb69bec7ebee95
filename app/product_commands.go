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
)

// sampleProducts is how many an embedded database begins with.
const sampleProducts = 1000

// addSampleProducts fills an empty catalogue.
func addSampleProducts(ctx context.Context, db *sqlx.DB, log *slog.Logger) error {
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
