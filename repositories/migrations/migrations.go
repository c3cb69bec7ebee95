// Package migrations changes the database's schema: numbered SQL files, embedded
// in the binary, each with its way up and its way down.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed *.sql
var files embed.FS

// Options say how a change of the schema waits, and whom it tells.
type Options struct {
	// Patience bounds each wait: for another process that migrates, and for a lock
	// that a session holds. The work itself is not bounded: a large table takes its
	// time, and who gives up half-way has to begin anew.
	Patience time.Duration
	Log      *slog.Logger
}

// Up applies every migration that waits. It is safe to call from several
// processes at once: one applies them, the others wait for it. It refuses a
// database to which other statements were applied under the same number, and warns
// of one that has more migrations than this program.
func Up(ctx context.Context, db *sql.DB, o Options) error { return upFrom(ctx, db, files, o) }

func upFrom(ctx context.Context, db *sql.DB, files fs.FS, o Options) error {
	m, err := newMigrator(db, files, o)
	if err != nil {
		return err
	}
	if err := m.prepare(ctx); err != nil {
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
		if list, err = m.check(ctx); err != nil { // what another process has applied meanwhile
			return err
		}
	}
	if ahead := slices.DeleteFunc(slices.Clone(list), Status.known); len(ahead) > 0 {
		o.Log.Warn("the database has migrations that this program lacks: "+
			"it is older than the schema, or their files were removed",
			"schema", newest(list, Status.applied), "program", newest(list, Status.known))
	}
	return m.adopt(ctx, list)
}

func (m migrator) up(ctx context.Context) error {
	applied, err := m.goose.Up(ctx)
	for _, one := range applied {
		m.Log.Info("applied a migration", "name", one.Source.Path, "took", one.Duration)
	}
	return err
}

// Down takes back the newest applied migration; with none it does nothing.
func Down(ctx context.Context, db *sql.DB, o Options) error {
	m, err := newMigrator(db, files, o)
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
		return fmt.Errorf("migrate down: this program lacks %s; take it back with the one that applied it",
			newest(list, Status.applied))
	}
	if err != nil {
		return fmt.Errorf("migrate down: %w", err)
	}
	return nil
}

// List returns every migration in order, those of this program and those of the
// database. It waits for nobody who migrates.
func List(ctx context.Context, db *sql.DB, o Options) ([]Status, error) {
	m, err := newMigrator(db, files, o)
	if err != nil {
		return nil, err
	}
	return m.list(ctx)
}
