package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
func (s Status) pending() bool { return s.AppliedAt.IsZero() }
func (s Status) known() bool   { return s.Name != "" }
func (s Status) unknown() bool { return s.Name == "" }

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

const appliedMigrations = `-- name: migrations.applied
SELECT version_id, name, sum, tstamp::timestamptz FROM goose_db_version WHERE version_id > 0 ORDER BY id`

func (m migrator) list(ctx context.Context) ([]Status, error) {
	ctx, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	found := make(map[int64]Status, len(m.files))
	for version, f := range m.files {
		found[version] = Status{Version: version, Name: f.name}
	}
	const undefinedTable = "42P01" // nothing was ever applied
	err := m.readApplied(ctx, found)
	if e := pq.As(err); err != nil && (e == nil || e.Code != undefinedTable) {
		return nil, fmt.Errorf("read which migrations are applied: %w", err)
	}
	list := slices.Collect(maps.Values(found))
	slices.SortFunc(list, func(a, b Status) int { return cmp.Compare(a.Version, b.Version) })
	return list, nil
}

func (m migrator) readApplied(ctx context.Context, found map[int64]Status) error {
	rows, err := m.db.QueryContext(ctx, appliedMigrations)
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
		s.Changed = file.name != "" && sum != file.sum
		found[s.Version] = s
	}
	return rows.Err()
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
