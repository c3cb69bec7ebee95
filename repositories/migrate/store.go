package migrate

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
// the default START_TIMEOUT, so that the next start can wait for its end.
const lease = 15 * time.Second

type migrator struct {
	Options
	db       *sql.DB
	goose    *goose.Provider
	files    map[int64]file // by version
	progress *progress
}

type file struct{ name, sum string }

func newMigrator(db *sql.DB, o Options) (migrator, error) {
	m := migrator{Options: o, db: db, files: make(map[int64]file), progress: new(progress)}
	// The lock is a row with a lease, not a session's advisory lock: PgBouncer in
	// transaction mode may send the unlock to another session than the lock.
	leased, err := lock.NewPostgresTableLocker(
		lock.WithTableLeaseDuration(lease),
		lock.WithTableHeartbeatInterval(lease/5),
		lock.WithTableLockTimeout(200*time.Millisecond, 1<<32), // Options.Timeout bounds the wait
		lock.WithTableUnlockTimeout(200*time.Millisecond, 50),
	)
	if err != nil {
		return m, fmt.Errorf("make the migration lock: %w", err)
	}
	table, err := database.NewStore(goose.DialectPostgres, goose.DefaultTablename)
	if err != nil {
		return m, fmt.Errorf("make the table of migrations: %w", err)
	}
	m.goose, err = goose.NewProvider(goose.DialectCustom, db, o.Files,
		goose.WithLocker(locker{leased, m.progress}), goose.WithStore(store{table, m.files, m.progress}))
	if err != nil {
		return m, fmt.Errorf("load migrations: %w", err)
	}
	for _, source := range m.goose.ListSources() {
		text, err := fs.ReadFile(o.Files, source.Path)
		if err != nil {
			return m, fmt.Errorf("load migrations: %w", err)
		}
		m.files[source.Version] = file{source.Path, checksum(string(text))}
	}
	return m, nil
}

// checksum covers the statements of the way up. Comment lines, white space and the
// way down may be edited later.
func checksum(text string) string {
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

// store is goose's table with two more columns, the name and the checksum of the
// file: goose itself compares numbers alone.
type store struct {
	database.Store
	files    map[int64]file
	progress *progress
}

// TableExists is an optional method of database.Store.
func (s store) TableExists(ctx context.Context, db database.DBTxConn) (bool, error) {
	table, ok := s.Store.(database.StoreExtender)
	if !ok {
		return false, errors.ErrUnsupported
	}
	return table.TableExists(ctx, db)
}

// CreateVersionTable is part of database.Store.
func (s store) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	if err := s.Store.CreateVersionTable(ctx, db); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, `-- name: migrations.add_columns
ALTER TABLE goose_db_version
    ADD COLUMN name text NOT NULL DEFAULT '', ADD COLUMN sum text NOT NULL DEFAULT ''`)
	return err
}

// Insert is part of database.Store. It runs in the migration's transaction.
func (s store) Insert(ctx context.Context, db database.DBTxConn, r database.InsertRequest) error {
	f, ok := s.files[r.Version]
	if !ok { // version 0, which goose inserts when it creates the table
		return s.Store.Insert(ctx, db, r)
	}
	_, err := db.ExecContext(ctx, `-- name: migrations.insert
INSERT INTO goose_db_version (version_id, is_applied, name, sum) VALUES ($1, true, $2, $3)`, r.Version, f.name, f.sum)
	if err != nil {
		return fmt.Errorf("record the migration %s: %w", f.name, err)
	}
	return nil
}

// ListMigrations is part of database.Store. Once the lock is held, goose calls it on
// the session that will migrate.
func (s store) ListMigrations(ctx context.Context, db database.DBTxConn) ([]*database.ListMigrationsResult, error) {
	if err := s.progress.setSession(ctx, db); err != nil {
		return nil, err
	}
	return s.Store.ListMigrations(ctx, db)
}
