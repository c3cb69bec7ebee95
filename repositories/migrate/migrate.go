// Package migrate changes the database's schema by numbered SQL files, each with a way
// up and a way down, in goose's format:
//
//	-- +goose Up
//	CREATE TABLE suppliers (name text NOT NULL);
//	-- +goose Down
//	DROP TABLE suppliers;
//
// Each file is one transaction with its record in the table schema_migrations, so that it
// is applied as a whole and once, by whatever number of processes, also behind PgBouncer.
// Up refuses files that were edited after they had been applied.
//
// The line "-- +goose NO TRANSACTION" is for a single statement that PostgreSQL takes in no
// transaction, such as CREATE INDEX CONCURRENTLY. Should it fail, undo by hand what it has
// left behind, an invalid index say, and run it again.
package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Options say what to apply, and how long to wait for others.
type Options struct {
	Files fs.FS // such as 00001_users.sql

	// Timeout bounds each wait for a lock that another session holds: of a process that
	// migrates too, or of any other. It does not bound the work itself, which may take long
	// on a large table, and would have to begin anew.
	Timeout time.Duration
	Log     *slog.Logger
}

type migrator struct {
	Options
	db    *sql.DB
	files map[int64]file // by version
}

func newMigrator(db *sql.DB, o Options) (migrator, error) {
	files, err := readFiles(o.Files)
	if err != nil {
		return migrator{}, fmt.Errorf("load migrations: %w", err)
	}
	return migrator{o, db, files}, nil
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
	for _, s := range list {
		if s.applied() {
			continue
		}
		if err := m.up(ctx, m.files[s.Version]); err != nil {
			return fmt.Errorf("migrate up: %s: %w", s, err)
		}
	}
	if list, err = m.check(ctx); err != nil { // another process may have applied other statements meanwhile
		return err
	}
	if slices.ContainsFunc(list, func(s Status) bool { return !s.known() }) {
		o.Log.Warn("the database has migrations that this program lacks: "+
			"the program is older than the schema, or their files were removed",
			"schema", newest(list, Status.applied), "program", newest(list, Status.known))
	}
	return nil
}

func (m migrator) up(ctx context.Context, f file) error {
	begin := time.Now()
	done, err := m.step(ctx, f, f.up, `-- name: migrations.insert
INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		f.version, f.name, f.checksum)
	if done {
		m.Log.Info("applied a migration", "name", f.name, "took", time.Since(begin))
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
	last := newest(list, Status.applied)
	if err != nil || !last.applied() {
		return err
	}
	switch f := m.files[last.Version]; {
	case !last.known():
		return fmt.Errorf("migrate down: this program lacks %s; revert it with the program that applied it", last)
	case f.down == "":
		return fmt.Errorf("migrate down: %s has no way down", last)
	default:
		_, err = m.step(ctx, f, f.down, `-- name: migrations.delete
DELETE FROM schema_migrations WHERE version = $1 AND version = (SELECT max(version) FROM schema_migrations)`, f.version)
	}
	if err != nil {
		return fmt.Errorf("migrate down: %s: %w", last, err)
	}
	return nil
}

// The lock ends with its transaction. A session's own lock would not do: PgBouncer in
// transaction mode may send the unlock to another session than the lock.
const lockMigrations = `-- name: migrations.lock
SET LOCAL lock_timeout = %d;
SET LOCAL idle_in_transaction_session_timeout = 0;
SELECT pg_advisory_xact_lock(hashtext('schema_migrations'));
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    bigint PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)`

// step runs the statements and their record in one transaction. Where the record changes no
// row, another process was quicker, and step does nothing.
func (m migrator) step(ctx context.Context, f file, statements, record string, args ...any) (done bool, err error) {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }()
	defer m.reportWait(ctx, tx)()
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(lockMigrations, m.Timeout.Milliseconds())); err != nil {
		return false, err
	}
	recorded, err := tx.ExecContext(ctx, record, args...)
	if err != nil {
		return false, err
	}
	if n, err := recorded.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	run := tx.ExecContext
	if f.outside {
		run = m.db.ExecContext
	}
	if _, err := run(ctx, statements); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

const blockingSession = `-- name: migrations.blocking_session
SELECT pid, concat_ws(' ', usename, application_name, host(client_addr)) FROM pg_stat_activity
WHERE pid = ANY (pg_blocking_pids($1)) LIMIT 1`

// reportWait logs, until stop is called, which session the transaction waits for.
func (m migrator) reportWait(ctx context.Context, tx *sql.Tx) (stop func()) {
	var own, other int
	var holder string
	if err := tx.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&own); err != nil {
		return func() {} // the next statement fails too
	}
	ctx, cancel := context.WithCancel(ctx)
	var reporting sync.WaitGroup
	reporting.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
			if err := m.db.QueryRowContext(ctx, blockingSession, own).Scan(&other, &holder); err == nil {
				m.Log.Warn("the migration waits for a lock of another session of PostgreSQL",
					"pid", other, "session", holder, "at_most", m.Timeout)
				return
			}
		}
	})
	return func() { cancel(); reporting.Wait() }
}
