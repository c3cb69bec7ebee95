package migrations

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Status tells of one migration.
type Status struct {
	Version   int64
	Name      string    // this program's file; empty: it has none of this number
	AppliedAs string    // the file that was applied; empty: none, or it was not noted
	AppliedAt time.Time // zero while it waits
	Changed   bool      // the file's statements are not those that were applied
}

func (s Status) applied() bool { return !s.AppliedAt.IsZero() }
func (s Status) pending() bool { return s.AppliedAt.IsZero() }
func (s Status) known() bool   { return s.Name != "" }

// String names the migration.
func (s Status) String() string {
	return cmp.Or(s.Name, s.AppliedAs, fmt.Sprintf("migration %d", s.Version))
}

// newest returns the last migration that is so.
func newest(list []Status, is func(Status) bool) Status {
	for _, s := range slices.Backward(list) {
		if is(s) {
			return s
		}
	}
	return Status{}
}

// By the number of columns: of goose alone, and with names and sums.
var appliedMigrations = map[int]string{
	1: `-- name: migrations.applied_by_number
SELECT version_id, '', '', tstamp::timestamptz FROM goose_db_version WHERE version_id > 0 ORDER BY id`,
	3: `-- name: migrations.applied
SELECT version_id, COALESCE(name, ''), COALESCE(sum, ''), tstamp::timestamptz
FROM goose_db_version WHERE version_id > 0 ORDER BY id`,
}

// list reads without the lock, which somebody may hold for long, and changes nothing.
func (m migrator) list(ctx context.Context) (list []Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.Patience)
	defer cancel()
	defer func() {
		if err != nil {
			err = fmt.Errorf("read which migrations are applied: %w", err)
		}
	}()
	found := make(map[int64]Status, len(m.files))
	for version, f := range m.files {
		found[version] = Status{Version: version, Name: f.name}
	}
	columns, err := m.columns(ctx)
	if err != nil {
		return nil, err
	}
	if columns > 0 {
		if err := m.readApplied(ctx, appliedMigrations[columns], found); err != nil {
			return nil, err
		}
	}
	list = slices.Collect(maps.Values(found))
	slices.SortFunc(list, func(a, b Status) int { return cmp.Compare(a.Version, b.Version) })
	return list, nil
}

func (m migrator) readApplied(ctx context.Context, query string, found map[int64]Status) error {
	rows, err := m.db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var s Status
		var sum string
		if err := rows.Scan(&s.Version, &s.AppliedAs, &sum, &s.AppliedAt); err != nil {
			return err
		}
		file := m.files[s.Version]
		s.Name = file.name
		s.Changed = file.name != "" && sum != "" && sum != file.sum
		found[s.Version] = s
	}
	return rows.Err()
}

// check is list, and refuses what was applied from other statements.
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
		return nil, errors.New("migrations were changed after they had been applied, so their SQL would never run:\n  " +
			strings.Join(changed, "\n  ") + "\nbring back the old files and give yours new numbers; " +
			"or, in development, begin with a new database: `make clean` removes the embedded one")
	}
	return list, nil
}
