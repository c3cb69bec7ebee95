package migrate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

const (
	// lease is how long the lock outlives a process that was killed. It is shorter than the
	// default START_TIMEOUT, so that the next start can wait for its end.
	lease    = 15 * time.Second
	interval = 200 * time.Millisecond // between attempts to get the lock
)

type migrator struct {
	Options
	db    *sql.DB
	goose *goose.Provider
	files map[int64]file // by version
}

type file struct{ name, checksum string }

func newMigrator(db *sql.DB, o Options) (migrator, error) {
	m := migrator{Options: o, db: db, files: make(map[int64]file)}
	// The lock is a row with a lease, not a session's advisory lock: PgBouncer in
	// transaction mode may send the unlock to another session than the lock.
	leased, err := lock.NewPostgresTableLocker(
		lock.WithTableLeaseDuration(lease),
		lock.WithTableHeartbeatInterval(lease/5),
		lock.WithTableLockTimeout(interval, uint64(o.Timeout/interval)+1),
		lock.WithTableUnlockTimeout(interval, 50),
	)
	if err != nil {
		return m, fmt.Errorf("make the migration lock: %w", err)
	}
	table, err := database.NewStore(goose.DialectPostgres, goose.DefaultTablename)
	if err != nil {
		return m, fmt.Errorf("make the table of migrations: %w", err)
	}
	m.goose, err = goose.NewProvider(goose.DialectCustom, db, boundFiles{o.Files, o.Timeout},
		goose.WithLocker(leased), goose.WithStore(store{table, m.files}))
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
	files map[int64]file
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
INSERT INTO goose_db_version (version_id, is_applied, name, sum) VALUES ($1, true, $2, $3)`,
		r.Version, f.name, f.checksum)
	return err
}

// boundFiles are migrations whose transactions begin with a bound of their waits for locks.
type boundFiles struct {
	fs.FS
	timeout time.Duration
}

// Open is part of fs.FS.
func (b boundFiles) Open(name string) (fs.File, error) {
	f, err := b.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return f, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if !bytes.Contains(text, []byte("+goose NO TRANSACTION")) {
		text = way.ReplaceAll(text, fmt.Appendf(nil, "${0}SET LOCAL lock_timeout = %d;\n", b.timeout.Milliseconds()))
	}
	return boundFile{f, bytes.NewReader(text)}, nil
}

// way matches the line that begins the way up or down.
var way = regexp.MustCompile(`(?m)^--[ \t]*\+goose[ \t]+(Up|Down)[ \t\r]*\n`)

type boundFile struct {
	fs.File
	text *bytes.Reader
}

// Read is part of fs.File.
func (f boundFile) Read(p []byte) (int, error) { return f.text.Read(p) }
