package migrations

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// lease is how long the lock outlives a process that was killed. It is shorter than
// START_TIMEOUT is by default, so that the next start gets over it.
const lease = 15 * time.Second

type migrator struct {
	Options
	db    *sql.DB
	goose *goose.Provider
	files map[int64]file // by version
	wait  *wait
}

type file struct{ name, sum string }

func newMigrator(db *sql.DB, files fs.FS, o Options) (migrator, error) {
	m := migrator{Options: o, db: db, files: make(map[int64]file), wait: new(wait)}
	// The lock is a row with a lease, not a session's advisory lock: PgBouncer in
	// transaction mode may hand the unlock to another session than took the lock.
	leased, err := lock.NewPostgresTableLocker(
		lock.WithTableLeaseDuration(lease),
		lock.WithTableHeartbeatInterval(lease/5),
		lock.WithTableLockTimeout(200*time.Millisecond, 1<<32), // what bounds it is Patience
		lock.WithTableUnlockTimeout(200*time.Millisecond, 50),
	)
	if err != nil {
		return m, fmt.Errorf("make the migration lock: %w", err)
	}
	table, err := database.NewStore(goose.DialectPostgres, goose.DefaultTablename)
	if err != nil {
		return m, fmt.Errorf("make the table of migrations: %w", err)
	}
	m.goose, err = goose.NewProvider(goose.DialectCustom, db, files,
		goose.WithLocker(locker{leased, m.wait}), goose.WithStore(store{table, m.files, m.wait}))
	if err != nil {
		return m, fmt.Errorf("load migrations: %w", err)
	}
	for _, source := range m.goose.ListSources() {
		text, err := fs.ReadFile(files, source.Path)
		if err != nil {
			return m, fmt.Errorf("load migrations: %w", err)
		}
		m.files[source.Version] = file{source.Path, sumOf(string(text))}
	}
	return m, nil
}

// sumOf is of the statements that change the schema: lines of comments, blank space
// and the way down may be edited after they were applied.
func sumOf(text string) string {
	hash := sha256.New()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "-- +goose Down") {
			break
		}
		if strings.HasPrefix(line, "--") {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			_, _ = io.WriteString(hash, word+" ")
		}
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// columns returns how many of the columns that list reads goose's table has: none
// where there is no table, one before there were names and sums.
func (m migrator) columns(ctx context.Context) (n int, err error) {
	err = m.db.QueryRowContext(ctx, `-- name: migrations.columns
SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('goose_db_version')
AND attname IN ('version_id', 'name', 'sum') AND NOT attisdropped`).Scan(&n)
	return n, err
}

// prepare makes goose's table, with two columns more: goose compares numbers alone.
func (m migrator) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.Patience)
	defer cancel()
	_, _, err := m.goose.GetVersions(ctx)
	var columns int
	if err == nil {
		columns, err = m.columns(ctx)
	}
	if err == nil && columns < 3 {
		_, err = m.db.ExecContext(ctx, `-- name: migrations.add_columns
ALTER TABLE goose_db_version ADD COLUMN IF NOT EXISTS name text, ADD COLUMN IF NOT EXISTS sum text`)
	}
	if err != nil {
		return fmt.Errorf("prepare the table of migrations: %w", err)
	}
	return nil
}

// adopt notes the files of what was applied before there were sums: nobody can tell
// any more whether they were others.
func (m migrator) adopt(ctx context.Context, list []Status) error {
	for _, s := range list {
		if s.AppliedAs != "" || !s.known() {
			continue
		}
		_, err := m.db.ExecContext(ctx, `-- name: migrations.adopt
UPDATE goose_db_version SET name = $2, sum = $3 WHERE version_id = $1 AND sum IS NULL`,
			s.Version, s.Name, m.files[s.Version].sum)
		if err != nil {
			return fmt.Errorf("note the file of %s: %w", s, err)
		}
	}
	return nil
}

// store is goose's table, and notes the file with each migration that is applied.
type store struct {
	database.Store
	files map[int64]file
	wait  *wait
}

// TableExists is what goose asks of a store that has it.
func (s store) TableExists(ctx context.Context, db database.DBTxConn) (bool, error) {
	table, ok := s.Store.(database.StoreExtender)
	if !ok {
		return false, errors.ErrUnsupported
	}
	return table.TableExists(ctx, db)
}

// Insert is part of database.Store. It runs in the migration's transaction.
func (s store) Insert(ctx context.Context, db database.DBTxConn, r database.InsertRequest) error {
	f, ok := s.files[r.Version]
	if !ok { // version 0, which goose notes when it makes the table
		return s.Store.Insert(ctx, db, r)
	}
	_, err := db.ExecContext(ctx, `-- name: migrations.insert
INSERT INTO goose_db_version (version_id, is_applied, name, sum) VALUES ($1, true, $2, $3)`, r.Version, f.name, f.sum)
	if err != nil {
		return fmt.Errorf("note the migration %s: %w", f.name, err)
	}
	return nil
}

// ListMigrations is part of database.Store. Once the lock is held, the session that
// asks is the one that migrates.
func (s store) ListMigrations(ctx context.Context, db database.DBTxConn) ([]*database.ListMigrationsResult, error) {
	if err := s.wait.migrates(ctx, db); err != nil {
		return nil, err
	}
	return s.Store.ListMigrations(ctx, db)
}
