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
	if e.cfg.Env == server.Production {
		return errors.New("samples do not belong into production")
	}
	show := progressLine(e.out)
	return e.withDatabase(ctx, func(ctx context.Context, db *sqlx.DB) error {
		if err := migrate.Up(ctx, db.DB, migrations(e.cfg, e.log)); err != nil {
			return err
		}
		if err := addSampleUsers(ctx, db, e.cfg); err != nil {
			return err
		}
		err := repositories.Seed(ctx, db, repositories.SeedOptions{
			Products: *products,
			Progress: func(done, total int) { show(fmt.Sprintf("%d%%", 100*done/max(total, 1))) },
		})
		if err != nil {
			return err
		}
		show("")
		fmt.Fprintf(e.out, "%d products are in the catalogue.\n", *products)
		return nil
	})
}

// progressLine returns what shows a text in the place of the one before. It shows nothing
// where out is no terminal: a log would only be filled.
func progressLine(out io.Writer) func(text string) {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func(string) {}
	}
	return func(text string) { fmt.Fprint(file, "\r\x1b[K"+text) } // ESC [ K erases the rest of the line
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
		chunks := export.Encode(counted(products.Export(ctx)), services.ProductTable, format)
		if *path == "-" {
			return export.Write(e.out, chunks)
		}
		return export.WriteFile(*path, chunks)
	})
}

// counted shows on a terminal how many rows have passed.
func counted[T any](rows iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		show, n := progressLine(os.Stderr), 0
		defer show("")
		for row, err := range rows {
			if n++; n%10_000 == 0 {
				show(fmt.Sprintf("%d rows", n))
			}
			if !yield(row, err) {
				return
			}
		}
	}
}
