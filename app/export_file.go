package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/jmoiron/sqlx"
	"golang.org/x/term"

	"example.com/prefab/repositories"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
	"example.com/prefab/services/export"
)

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
	log, flush := newLogger(e.cfg, os.Stderr) // standard output may be the file
	defer flush()
	e.log = log
	return withDatabase(ctx, e, func(cfg Config, db *sqlx.DB) error {
		replica, err := openReplica(cfg, nil)
		if err != nil {
			return err
		}
		if replica != nil {
			defer replica.Close()
		}
		products := services.NewProducts(
			repositories.NewProducts(db).ExportFrom(postgres.NewReplica(replica, e.log)))
		rows := counted(products.Export(ctx), rowsSoFar(os.Stderr))
		chunks := export.Encode(rows, services.ProductTable, format)
		if *path == "-" {
			return writeChunks(e.out, chunks)
		}
		return writeFile(*path, chunks)
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

func writeChunks(out io.Writer, chunks iter.Seq2[[]byte, error]) error {
	for chunk, err := range chunks {
		if err != nil {
			return err
		}
		if _, err := out.Write(chunk); err != nil {
			return fmt.Errorf("write the export: %w", err)
		}
	}
	return nil
}

// writeFile puts the whole of the chunks at path, or leaves what was there: they
// go to a file beside it, readable by its owner alone, which takes its place at
// the end. What is no regular file, such as a pipe, is written directly.
func writeFile(path string, chunks iter.Seq2[[]byte, error]) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the link stays
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeSpecial(path, chunks)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		_ = part.Close()
		if err != nil {
			_ = os.Remove(part.Name())
		}
	}()
	if err := writeChunks(part, chunks); err != nil {
		return err
	}
	if err := part.Sync(); err != nil {
		return err
	}
	if err := part.Close(); err != nil {
		return err
	}
	if err := os.Rename(part.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func writeSpecial(path string, chunks iter.Seq2[[]byte, error]) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // the user names the file
	if err != nil {
		return err
	}
	return errors.Join(writeChunks(file, chunks), file.Close())
}

// syncFolder makes a rename outlast a power failure.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // as above
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
