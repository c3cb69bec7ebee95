package migrations_test

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/migrations"
)

func TestMain(m *testing.M) { devtest.Main(m) }

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// options return patient ones, and what is logged by them.
func options() (migrations.Options, *bytes.Buffer) {
	var logged bytes.Buffer
	return migrations.Options{Patience: time.Minute, Log: slog.New(slog.NewTextHandler(&logged, nil))}, &logged
}

func up(t *testing.T, db *sql.DB) {
	t.Helper()
	o, _ := options()
	if err := migrations.Up(t.Context(), db, o); err != nil {
		t.Fatal(err)
	}
}

// down takes everything back.
func down(t *testing.T, db *sql.DB) {
	t.Helper()
	o, _ := options()
	for range list(t, db) {
		if err := migrations.Down(t.Context(), db, o); err != nil {
			t.Fatal(err)
		}
	}
}

func list(t *testing.T, db *sql.DB) []migrations.Status {
	t.Helper()
	o, _ := options()
	all, err := migrations.List(t.Context(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("there are no migrations")
	}
	return all
}

// Everything in the schema but goose's own tables, a line each.
const everything = `
SELECT format('column %s.%s %s %s null=%s default=%s identity=%s', c.table_name, c.column_name, c.ordinal_position,
              c.data_type, c.is_nullable, c.column_default, c.identity_generation) AS line
FROM information_schema.columns c WHERE c.table_schema = 'public' AND c.table_name NOT LIKE 'goose%'
UNION ALL
SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'goose%'
UNION ALL
SELECT format('constraint %s on %s %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'goose%'
UNION ALL
SELECT format('relation %s %s %s', relname, relkind, reloptions)
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'goose%'
UNION ALL
SELECT format('function %s %s', oid::regprocedure, md5(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT format('type %s %s', typname, typtype) FROM pg_type
WHERE typnamespace = 'public'::regnamespace AND typrelid = 0 AND typname !~ '^_'
UNION ALL
SELECT format('trigger %s on %s', tgname, tgrelid::regclass) FROM pg_trigger WHERE NOT tgisinternal
ORDER BY line`

func schema(t *testing.T, db *sql.DB) (lines []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), everything)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestUp_FromEmptyAppliesAllAndAgainNothing(t *testing.T) {
	db := open(t, devtest.EmptyDatabase(t))
	for _, s := range list(t, db) {
		if !s.AppliedAt.IsZero() {
			t.Errorf("%s was applied to an empty database at %v", s.Name, s.AppliedAt)
		}
	}
	up(t, db)
	applied, made := list(t, db), schema(t, db)
	if !strings.Contains(strings.Join(made, "\n"), "products_newest_idx") {
		t.Errorf("the schema is %q", made)
	}
	names := make([]string, len(applied))
	for i, s := range applied {
		names[i] = s.Name
		if s.AppliedAt.IsZero() || time.Since(s.AppliedAt).Abs() > time.Hour {
			t.Errorf("%s was applied at %v", s.Name, s.AppliedAt)
		}
	}
	if !slices.IsSorted(names) || names[0] != "00001_catalogue.sql" {
		t.Errorf("the list is %v", names)
	}

	up(t, db)
	if again := list(t, db); !slices.Equal(again, applied) || !slices.Equal(schema(t, db), made) {
		t.Errorf("the second time has changed something: %v, before %v", again, applied)
	}
}

func TestUp_SeveralAtOnceApplyOnce(t *testing.T) {
	url := devtest.EmptyDatabase(t)
	var processes sync.WaitGroup
	begin := make(chan struct{})
	for range 8 {
		db := open(t, url)
		processes.Go(func() {
			<-begin
			o, _ := options()
			if err := migrations.Up(t.Context(), db, o); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	processes.Wait()

	db := open(t, url)
	var rows, versions int
	const applied = "SELECT count(*), count(DISTINCT version_id) FROM goose_db_version WHERE version_id > 0 AND is_applied"
	if err := db.QueryRowContext(t.Context(), applied).Scan(&rows, &versions); err != nil {
		t.Fatal(err)
	}
	if want := len(list(t, db)); rows != want || versions != want {
		t.Errorf("%d rows of %d migrations, want %d of each", rows, versions, want)
	}
	if one := open(t, devtest.Database(t)); !slices.Equal(schema(t, db), schema(t, one)) {
		t.Error("the schema is another than one Up alone makes")
	}
}

func TestDown_LeavesNothingAndUpMakesTheSameAgain(t *testing.T) {
	db := open(t, devtest.EmptyDatabase(t))
	up(t, db)
	made := schema(t, db)
	down(t, db)
	if left := schema(t, db); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	o, _ := options()
	if err := migrations.Down(t.Context(), db, o); err != nil {
		t.Errorf("down with nothing applied: %v", err)
	}
	up(t, db)
	if again := schema(t, db); !slices.Equal(again, made) {
		t.Errorf("the schema is\n%s\nand was\n%s", strings.Join(again, "\n"), strings.Join(made, "\n"))
	}
}

func TestMigrations_EndWithTheirContext(t *testing.T) {
	db := open(t, devtest.EmptyDatabase(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o, _ := options()
	_, listing := migrations.List(ctx, db, o)
	for what, err := range map[string]error{
		"up": migrations.Up(ctx, db, o), "down": migrations.Down(ctx, db, o), "list": listing,
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	up(t, db) // nothing is locked, or half done
}
