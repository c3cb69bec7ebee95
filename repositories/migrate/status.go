package migrate

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Status is the state of one migration.
type Status struct {
	Version   int64
	Name      string    // this program's file; empty: the program has none of this number
	AppliedAs string    // the file that was applied; empty while it is pending
	AppliedAt time.Time // zero while it is pending
	Changed   bool      // the file's statements differ from those that were applied
}

func (s Status) applied() bool { return !s.AppliedAt.IsZero() }
func (s Status) known() bool   { return s.Name != "" }

// String names the migration.
func (s Status) String() string { return cmp.Or(s.Name, s.AppliedAs) }

// newest returns the last migration for which is returns true.
func newest(list []Status, is func(Status) bool) Status {
	for _, s := range slices.Backward(list) {
		if is(s) {
			return s
		}
	}
	return Status{}
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

func (m migrator) list(ctx context.Context) ([]Status, error) {
	ctx, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	var applied []struct {
		Version   int64 `db:"version_id"`
		Name      string
		Sum       string
		AppliedAt time.Time `db:"applied_at"`
	}
	err := sqlx.NewDb(m.db, "postgres").SelectContext(ctx, &applied, `-- name: migrations.applied
SELECT version_id, name, sum, tstamp::timestamptz AS applied_at FROM goose_db_version WHERE version_id > 0`)
	const undefinedTable = "42P01" // nothing was ever applied
	if e := pq.As(err); err != nil && (e == nil || e.Code != undefinedTable) {
		return nil, fmt.Errorf("read which migrations are applied: %w", err)
	}
	all := make(map[int64]Status, len(m.files))
	for version, f := range m.files {
		all[version] = Status{Version: version, Name: f.name}
	}
	for _, a := range applied {
		f, known := m.files[a.Version]
		all[a.Version] = Status{a.Version, f.name, a.Name, a.AppliedAt, known && f.checksum != a.Sum}
	}
	byVersion := func(a, b Status) int { return cmp.Compare(a.Version, b.Version) }
	return slices.SortedFunc(maps.Values(all), byVersion), nil
}

// check returns the list, or an error where a file was edited after it had been applied.
func (m migrator) check(ctx context.Context) ([]Status, error) {
	list, err := m.list(ctx)
	if err != nil {
		return nil, err
	}
	var changed []string
	for _, s := range list {
		if s.Changed {
			changed = append(changed, fmt.Sprintf("%s has other statements than %s, which was applied at %s",
				s.Name, s.AppliedAs, s.AppliedAt.UTC().Format(time.RFC3339)))
		}
	}
	if len(changed) > 0 {
		return nil, errors.New("migrations were edited after they had been applied, so their new SQL would never run:\n  " +
			strings.Join(changed, "\n  ") + "\nrestore the old files, and put the change into a migration with a new number; " +
			"or, in development, begin with a new database: `make clean` removes the embedded one")
	}
	return list, nil
}
