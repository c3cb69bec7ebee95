// Package migrate changes the database's schema by numbered SQL files, each with a way up
// and a way down, as [goose] runs them. It is safe in several processes at once, also behind
// PgBouncer; no lock is waited for without a bound; and files that were edited after they
// had been applied are refused.
//
//	-- +goose Up
//	CREATE TABLE suppliers (name text NOT NULL);
//	-- +goose Down
//	DROP TABLE suppliers;
//
// Each file is one transaction, unless it says "-- +goose NO TRANSACTION", which is for
// statements such as CREATE INDEX CONCURRENTLY: these wait for locks without a bound.
//
// [goose]: https://github.com/pressly/goose
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

	"github.com/lib/pq"
	"github.com/pressly/goose/v3"
)

// Options say what to apply, and how long to wait for others.
type Options struct {
	Files fs.FS // such as 00001_users.sql

	// Timeout bounds the wait for another process that migrates, and for each lock that
	// another session holds. It does not bound the work itself, which may take long on a large
	// table, and would have to begin anew.
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
	if slices.ContainsFunc(list, func(s Status) bool { return !s.applied() }) {
		applied, err := m.goose.Up(ctx)
		if partly, ok := errors.AsType[*goose.PartialError](err); ok {
			applied = partly.Applied
		}
		for _, one := range applied {
			o.Log.Info("applied a migration", "name", one.Source.Path, "took", one.Duration)
		}
		if err != nil {
			return m.explain("up", err)
		}
		if list, err = m.check(ctx); err != nil { // of what another process has applied meanwhile
			return err
		}
	}
	if slices.ContainsFunc(list, func(s Status) bool { return !s.known() }) {
		o.Log.Warn("the database has migrations that this program lacks: "+
			"the program is older than the schema, or their files were removed",
			"schema", newest(list, Status.applied), "program", newest(list, Status.known))
	}
	return nil
}

// Down reverts the newest applied migration. It does nothing where none is applied.
func Down(ctx context.Context, db *sql.DB, o Options) error {
	m, err := newMigrator(db, o)
	if err != nil {
		return err
	}
	list, err := m.list(ctx)
	last := newest(list, Status.applied)
	if err != nil || !last.applied() {
		return err
	}
	if !last.known() {
		return fmt.Errorf("migrate down: this program lacks %s; revert it with the program that applied it", last)
	}
	if _, err := m.goose.Down(ctx); err != nil {
		return m.explain("down", err)
	}
	return nil
}

// explain names the file, and what to do about a wait that was too long.
func (m migrator) explain(direction string, err error) error {
	const lockNotAvailable = "55P03"
	if e, ok := errors.AsType[*pq.Error](err); ok && string(e.Code) == lockNotAvailable {
		err = fmt.Errorf("gave up after %s of waiting for a lock of another session, which pg_stat_activity "+
			"and pg_blocking_pids show: %w", m.Timeout, err)
	}
	if partly, ok := errors.AsType[*goose.PartialError](err); ok {
		err = fmt.Errorf("%s: %w", partly.Failed.Source.Path, err)
	}
	return fmt.Errorf("migrate %s: %w", direction, err)
}
