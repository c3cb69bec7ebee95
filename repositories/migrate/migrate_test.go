package migrate_test

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	_ "github.com/lib/pq"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/migrate"
)

func TestMain(m *testing.M) { devtest.Main(m) }

// files returns the migrations of pairs of a name and a text.
func files(pairs ...string) fstest.MapFS {
	all := make(fstest.MapFS)
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return all
}

const (
	first  = "-- +goose Up\nCREATE TABLE a (n int);\n-- +goose Down\nDROP TABLE a;\n"
	second = "-- +goose Up\nCREATE TABLE b (n int); -- counts\n-- +goose Down\nDROP TABLE b;\n"
)

var both = files("00001_a.sql", first, "00002_b.sql", second)

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// options returns those of the files, and the log.
func options(files fstest.MapFS) (migrate.Options, *bytes.Buffer) {
	var log bytes.Buffer
	return migrate.Options{Files: files, Timeout: time.Minute, Log: slog.New(slog.NewTextHandler(&log, nil))}, &log
}

func up(t *testing.T, db *sql.DB, files fstest.MapFS) {
	t.Helper()
	o, _ := options(files)
	if err := migrate.Up(t.Context(), db, o); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, db *sql.DB, files fstest.MapFS) []migrate.Status {
	t.Helper()
	o, _ := options(files)
	all, err := migrate.List(t.Context(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// tables returns those of the schema but goose's own.
func tables(t *testing.T, db *sql.DB) (names string) {
	t.Helper()
	const query = `SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class
		WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT LIKE 'goose%'`
	if err := db.QueryRowContext(t.Context(), query).Scan(&names); err != nil {
		t.Fatal(err)
	}
	return names
}

func TestUpAndDown(t *testing.T) {
	db := open(t, devtest.EmptyDatabase(t))
	o, _ := options(both)
	want := func(names string, applied int) {
		t.Helper()
		if got := tables(t, db); got != names {
			t.Errorf("the tables are %q, want %q", got, names)
		}
		all := list(t, db, both)
		if len(all) != 2 || all[0].Name != "00001_a.sql" || all[1].Name != "00002_b.sql" {
			t.Fatalf("the list is %+v", all)
		}
		for i, s := range all {
			if s.AppliedAt.IsZero() != (i >= applied) || i < applied && time.Since(s.AppliedAt).Abs() > time.Hour {
				t.Errorf("%s was applied at %v", s.Name, s.AppliedAt)
			}
		}
	}
	want("", 0)
	if got := list(t, db, both); tables(t, db) != "" || len(got) != 2 {
		t.Errorf("List has changed something: %v", got)
	}
	up(t, db, both)
	want("a b", 2)
	before := list(t, db, both)
	up(t, db, both)
	if after := list(t, db, both); !slices.Equal(before, after) {
		t.Errorf("a second Up has changed something: %v, before %v", after, before)
	}
	for _, left := range []struct {
		tables  string
		applied int
	}{{"a", 1}, {"", 0}, {"", 0}} { // the last time there is nothing to revert
		if err := migrate.Down(t.Context(), db, o); err != nil {
			t.Fatal(err)
		}
		want(left.tables, left.applied)
	}
	up(t, db, both)
	want("a b", 2)
}

func TestUp_SeveralProcessesApplyOnce(t *testing.T) {
	direct, pooled := devtest.EmptyDatabase(t), devtest.EmptyDatabase(t)
	for name, url := range map[string]string{
		"direct": direct, "behind PgBouncer": devtest.PgBouncer(t, pooled) + "&binary_parameters=yes",
	} {
		t.Run(name, func(t *testing.T) {
			var processes sync.WaitGroup
			begin := make(chan struct{})
			for range 6 {
				db := open(t, url)
				processes.Go(func() {
					<-begin
					o, _ := options(both)
					if err := migrate.Up(t.Context(), db, o); err != nil {
						t.Error(err)
					}
				})
			}
			close(begin)
			processes.Wait()
			var rows, versions int
			const applied = "SELECT count(*), count(DISTINCT version_id) FROM goose_db_version WHERE version_id > 0 AND is_applied"
			if err := open(t, url).QueryRowContext(t.Context(), applied).Scan(&rows, &versions); err != nil {
				t.Fatal(err)
			}
			if rows != 2 || versions != 2 {
				t.Errorf("%d rows of %d migrations, want 2 of 2", rows, versions)
			}
		})
	}
}

func TestMigrations_EndWithTheirContext(t *testing.T) {
	db := open(t, devtest.EmptyDatabase(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o, _ := options(both)
	_, listing := migrate.List(ctx, db, o)
	for what, err := range map[string]error{
		"up": migrate.Up(ctx, db, o), "down": migrate.Down(ctx, db, o), "list": listing,
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	up(t, db, both) // nothing is locked, or half done
}

func TestUp_RefusesFilesThatWereEditedAfterTheyWereApplied(t *testing.T) {
	for name, test := range map[string]struct {
		second, text string
		refused      bool
	}{
		"the same":                    {"00002_b.sql", second, false},
		"another name":                {"00002_bees.sql", second, false},
		"other lines of comments":     {"00002_b.sql", "-- Bees.\n" + strings.ReplaceAll(second, "TABLE b", "TABLE\t b"), false},
		"a text after two dashes":     {"00002_b.sql", strings.ReplaceAll(second, "-- counts", "-- cows"), true},
		"line ends of Windows":        {"00002_b.sql", strings.ReplaceAll(second, "\n", "\r\n"), false},
		"another way down":            {"00002_b.sql", strings.ReplaceAll(second, "DROP TABLE b", "DROP TABLE IF EXISTS b"), false},
		"other statements":            {"00002_b.sql", strings.ReplaceAll(second, "n int", "n bigint"), true},
		"other statements and a name": {"00002_own.sql", strings.ReplaceAll(second, " b", " own"), true},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, devtest.EmptyDatabase(t))
			up(t, db, both)
			o, _ := options(files("00001_a.sql", first, test.second, test.text, "00003_c.sql", "-- +goose Up\nCREATE TABLE c (n int);"))
			err := migrate.Up(t.Context(), db, o)
			if !test.refused {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.second+" has other statements than 00002_b.sql") ||
				strings.Contains(err.Error(), "00001") {
				t.Errorf("got %v", err)
			}
			if made := tables(t, db); made != "a b" {
				t.Errorf("it has applied the next migration: %s", made)
			}
		})
	}
}

func TestMigrations_OfANewerProgramAreNamed(t *testing.T) {
	db := open(t, devtest.EmptyDatabase(t))
	up(t, db, both)
	older := files("00001_a.sql", first)
	all := list(t, db, older)
	if newest := all[len(all)-1]; newest.String() != "00002_b.sql" || newest.Name != "" || newest.AppliedAt.IsZero() {
		t.Errorf("the list ends with %+v", newest)
	}
	o, log := options(older)
	if err := migrate.Up(t.Context(), db, o); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); !strings.Contains(text, "schema=00002_b.sql") || !strings.Contains(text, "program=00001_a.sql") {
		t.Errorf("it does not name both versions: %s", text)
	}
	if err := migrate.Down(t.Context(), db, o); err == nil || !strings.Contains(err.Error(), "lacks 00002_b.sql") {
		t.Errorf("down: %v", err)
	}
}
