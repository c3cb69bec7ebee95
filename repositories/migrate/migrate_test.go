package migrate_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/migrate"
)

func TestMain(m *testing.M) { devtest.Main(m) }

// files returns the migrations of pairs of a name and a text.
func files(pairs ...string) fstest.MapFS {
	all := make(fstest.MapFS)
	for pair := range slices.Chunk(pairs, 2) {
		all[pair[0]] = &fstest.MapFile{Data: []byte(pair[1])}
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

// lines are those of a log.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// options returns those of the files, and the log.
func options(files fstest.MapFS) (migrate.Options, lines) {
	log := make(lines, 20)
	return migrate.Options{Files: files, Timeout: time.Minute, Log: slog.New(slog.NewTextHandler(log, nil))}, log
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
			o, log := options(both)
			for range 6 {
				db := open(t, url)
				processes.Go(func() {
					<-begin
					if err := migrate.Up(t.Context(), db, o); err != nil {
						t.Error(err)
					}
				})
			}
			close(begin)
			processes.Wait()
			if len(log) != 2 {
				t.Errorf("%d migrations are logged, want 2", len(log))
			}
		})
	}
}

func TestUp_AFailedMigrationLeavesNothing(t *testing.T) {
	db := open(t, devtest.EmptyDatabase(t))
	o, log := options(files("00001_a.sql", first, "00002_b.sql", "-- +goose Up\nCREATE TABLE b (n int);\nSELECT 1 / 0;"))
	if err := migrate.Up(t.Context(), db, o); err == nil || !strings.Contains(err.Error(), "00002_b.sql") {
		t.Errorf("got %v", err)
	}
	if len(log) != 1 || !strings.Contains(<-log, "00001_a.sql") {
		t.Error("the migration that was applied is not logged")
	}
	if all := list(t, db, both); tables(t, db) != "a" || all[0].AppliedAt.IsZero() || !all[1].AppliedAt.IsZero() {
		t.Errorf("the tables are %q, the list is %+v", tables(t, db), all)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := migrate.Up(ended, db, o); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	up(t, db, both)
}

func TestUp_OutsideOfATransaction(t *testing.T) {
	db := open(t, devtest.EmptyDatabase(t))
	const index = "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY a_n ON a (n);\n" +
		"-- +goose Down\nDROP INDEX CONCURRENTLY a_n;\n"
	o, _ := options(files("00001_a.sql", first, "00002_index.sql", index))
	for range 2 {
		if err := migrate.Up(t.Context(), db, o); err != nil {
			t.Fatal(err)
		}
		if err := migrate.Down(t.Context(), db, o); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUp_RefusesFilesThatWereEditedAfterTheyWereApplied(t *testing.T) {
	db := open(t, devtest.EmptyDatabase(t))
	up(t, db, both)
	for what, test := range map[string]struct {
		second, text string
		refused      bool
	}{
		"another name":                {"00002_bees.sql", second, false},
		"other lines of comments":     {"00002_b.sql", strings.ReplaceAll(second, "CREATE TABLE b", "-- Bees.\nCREATE TABLE\t b"), false},
		"a text after two dashes":     {"00002_b.sql", strings.ReplaceAll(second, "-- counts", "-- cows"), true},
		"line ends of Windows":        {"00002_b.sql", strings.ReplaceAll(second, "\n", "\r\n"), false},
		"another way down":            {"00002_b.sql", strings.ReplaceAll(second, "DROP TABLE b", "DROP TABLE IF EXISTS b"), false},
		"other statements":            {"00002_b.sql", strings.ReplaceAll(second, "n int", "n bigint"), true},
		"other statements and a name": {"00002_own.sql", strings.ReplaceAll(second, " b", " own"), true},
	} {
		all := files("00001_a.sql", first, test.second, test.text)
		if test.refused {
			all["00003_c.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE c (n int);")}
		}
		o, _ := options(all)
		err := migrate.Up(t.Context(), db, o)
		if !test.refused {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), test.second+" has other statements than 00002_b.sql") ||
			strings.Contains(err.Error(), "00001") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if made := tables(t, db); made != "a b" {
		t.Errorf("it has applied the next migration: %s", made)
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
	if text := <-log; !strings.Contains(text, "schema=00002_b.sql") || !strings.Contains(text, "program=00001_a.sql") {
		t.Errorf("it does not name both versions: %s", text)
	}
	if err := migrate.Down(t.Context(), db, o); err == nil || !strings.Contains(err.Error(), "lacks 00002_b.sql") {
		t.Errorf("down: %v", err)
	}
}

func TestUp_WaitsForOthersButNotForEver(t *testing.T) {
	for what, hold := range map[string]string{
		"another process": "UPDATE goose_lock SET locked = true, locked_by = 'other', lease_expires_at = now() + interval '1 hour'",
		"a user of a":     "LOCK TABLE a",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			url := devtest.EmptyDatabase(t)
			db, other := open(t, url), open(t, url)
			up(t, db, files("00001_a.sql", first))
			tx, err := other.Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback() }()
			if _, err := tx.Exec(hold); err != nil {
				t.Fatal(err)
			}
			if what == "another process" {
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
			}
			o, _ := options(files("00001_a.sql", first, "00002_wide.sql", "-- +goose Up\nALTER TABLE a ADD COLUMN m int;"))
			o.Timeout = 500 * time.Millisecond
			if err := migrate.Up(t.Context(), db, o); err == nil || !strings.Contains(err.Error(), "lock") {
				t.Errorf("the error is %v", err)
			}
			o.Timeout = time.Minute
			waiting := make(chan error)
			go func() { waiting <- migrate.Up(t.Context(), db, o) }()
			_ = tx.Rollback()
			if _, err := other.Exec("UPDATE goose_lock SET lease_expires_at = now()"); err != nil {
				t.Fatal(err)
			}
			if err := <-waiting; err != nil {
				t.Errorf("once it is free: %v", err)
			}
		})
	}
}

// The work of a migration may take longer than it may wait.
func TestUp_TimeoutDoesNotBoundTheWork(t *testing.T) {
	t.Parallel()
	db := open(t, devtest.EmptyDatabase(t))
	o, _ := options(files("00001_long.sql", "-- +goose Up\nSELECT pg_sleep(0.6);"))
	o.Timeout = 300 * time.Millisecond
	if err := migrate.Up(t.Context(), db, o); err != nil {
		t.Error(err)
	}
}
