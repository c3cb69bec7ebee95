// Package migrate changes the database's schema by numbered SQL files, each with a
// way up and a way down. It is safe to run in several processes at once, also behind
// PgBouncer; it refuses files that were edited after they had been applied; and it
// says what it waits for.
//
//	//go:embed migrations/*.sql
//	var files embed.FS
//
//	folder, _ := fs.Sub(files, "migrations")
//	o := migrate.Options{Files: folder, Timeout: time.Minute, Log: log}
//	err := migrate.Up(ctx, db, o)
package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
)

// Options say what to apply, and how long to wait for others.
type Options struct {
	Files fs.FS // such as 00001_users.sql, in goose's format

	// Timeout bounds each wait: for another process that migrates, and for a lock
	// that a session holds. It does not bound the work itself, which may take long on a
	// large table, and would have to begin anew.
	Timeout time.Duration
	Log     *slog.Logger
}

// Up applies every pending migration. Of several processes one applies them, and the
// others wait. Up refuses a database to which other statements were applied under the
// same number. It warns of a database with more migrations than this program has.
func Up(ctx context.Context, db *sql.DB, o Options) error {
	m, err := newMigrator(db, o)
	if err != nil {
		return err
	}
	list, err := m.check(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, Status.pending) {
		if err := m.run(ctx, m.up); err != nil {
			return fmt.Errorf("migrate up: %w", err)
		}
		if list, err = m.check(ctx); err != nil { // of what another process has applied meanwhile
			return err
		}
	}
	if slices.ContainsFunc(list, Status.unknown) {
		o.Log.Warn("the database has migrations that this program lacks: "+
			"the program is older than the schema, or their files were removed",
			"schema", newest(list, Status.applied), "program", newest(list, Status.known))
	}
	return nil
}

func (m migrator) up(ctx context.Context) error {
	applied, err := m.goose.Up(ctx)
	for _, one := range applied {
		m.Log.Info("applied a migration", "name", one.Source.Path, "took", one.Duration)
	}
	return err
}

// Down reverts the newest applied migration. It does nothing where none is applied.
func Down(ctx context.Context, db *sql.DB, o Options) error {
	m, err := newMigrator(db, o)
	if err != nil {
		return err
	}
	list, err := m.list(ctx)
	if err != nil || !slices.ContainsFunc(list, Status.applied) {
		return err
	}
	err = m.run(ctx, func(ctx context.Context) error {
		_, err := m.goose.Down(ctx)
		return err
	})
	if errors.Is(err, goose.ErrVersionNotFound) {
		return fmt.Errorf("migrate down: this program lacks %s; revert it with the program that applied it",
			newest(list, Status.applied))
	}
	if err != nil {
		return fmt.Errorf("migrate down: %w", err)
	}
	return nil
}

// List returns the migrations of this program and those of the database, in order.
// It takes no lock and changes nothing.
func List(ctx context.Context, db *sql.DB, o Options) ([]Status, error) {
	m, err := newMigrator(db, o)
	if err != nil {
		return nil, err
	}
	return m.list(ctx)
}
