package querylog_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/querylog"
)

func TestEvents_OnePerStatementWithItsRows(t *testing.T) {
	bothModes(t, func(t *testing.T, prepared bool) {
		var seen events
		db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: prepared, Observe: seen.observe})
		mustExec(t, db, "CREATE TABLE things (id int PRIMARY KEY, label text)")
		seen.take()

		stmt, err := db.Prepare("-- name: things.kept :many\nSELECT id FROM things WHERE id > $1")
		if err != nil {
			t.Fatal(err)
		}
		defer stmt.Close()
		drain := func(ctx context.Context, query string, args ...any) error {
			var ids []int
			return db.SelectContext(ctx, &ids, query, args...)
		}
		cases := []struct {
			query string // what the event says
			name  string
			rows  int64
			run   func(ctx context.Context) error
		}{
			{"-- name: things.add\nINSERT INTO things SELECT n, 'x' FROM generate_series(1, $1::int) n", "things.add", 5, nil},
			{"\n\t-- a remark\n\t-- name: things.list\n\tSELECT id FROM things WHERE id <= $1", "things.list", 3, func(ctx context.Context) error {
				return drain(ctx, "\n\t-- a remark\n\t-- name: things.list\n\tSELECT id FROM things WHERE id <= $1", 3)
			}},
			{"SELECT id FROM things", "select", 5, func(ctx context.Context) error { return drain(ctx, "SELECT id FROM things") }},
			{"UPDATE things SET label = 'y' WHERE id < 3", "update", 2, func(ctx context.Context) error {
				_, err := db.ExecContext(ctx, "UPDATE things SET label = 'y' WHERE id < 3")
				return err
			}},
			{"delete from things where id = $1 returning id", "delete", 1, func(ctx context.Context) error {
				return drain(ctx, "delete from things where id = $1 returning id", 5)
			}},
			{"INSERT INTO things VALUES ($1), ($2)", "insert", 2, func(ctx context.Context) error { // Query, though nothing is returned
				rows, err := db.QueryContext(ctx, "INSERT INTO things VALUES ($1), ($2)", 8, 9)
				if err != nil {
					return err
				}
				return rows.Close()
			}},
			{"-- name: things.kept :many\nSELECT id FROM things WHERE id > $1", "things.kept", 2, func(ctx context.Context) error {
				rows, err := stmt.QueryContext(ctx, 7)
				if err != nil {
					return err
				}
				defer rows.Close()
				for rows.Next() {
				}
				return rows.Err()
			}},
			{"SELECT id FROM things ORDER BY id", "select", 1, func(ctx context.Context) error { // read no further
				var id int
				return db.QueryRowContext(ctx, "SELECT id FROM things ORDER BY id").Scan(&id)
			}},
			{"(SELECT 1)", "other", 1, func(ctx context.Context) error { return drain(ctx, "(SELECT 1)") }},
		}
		cases[0].run = func(ctx context.Context) error { _, err := db.ExecContext(ctx, cases[0].query, 5); return err }
		for _, c := range cases {
			ctx, trace := traced()
			if err := c.run(ctx); err != nil {
				t.Fatalf("%s: %v", c.query, err)
			}
			e := seen.one(t)
			if e.Name != c.name || e.Query != c.query || e.Rows != c.rows || e.Err != nil || e.Duration <= 0 {
				t.Errorf("%s: got %+v, want name %s, %d rows", c.query, e, c.name, c.rows)
			}
			if n := trace.Queries(); n != 1 {
				t.Errorf("%s: counted %d, want 1", c.query, n)
			}
		}
	})
}

func TestEvents_CommitIsReportedButNotCounted(t *testing.T) {
	var seen events
	db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: true, Observe: seen.observe})
	mustExec(t, db, "CREATE TABLE things (id int)")
	seen.take()

	ctx, trace := traced()
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO things VALUES ($1)", 1); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := names(seen.take()); got != "insert commit" {
		t.Errorf("events %q, want insert and commit", got)
	}
	if n := trace.Queries(); n != 1 {
		t.Errorf("counted %d, want 1", n)
	}
}

func TestCopy_IsRefusedAndLeavesAUsablePool(t *testing.T) {
	bothModes(t, func(t *testing.T, prepared bool) {
		db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: prepared})
		mustExec(t, db, "CREATE TABLE things (id int)")
		finishes(t, func() {
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Prepare("COPY things (id) FROM STDIN"); err == nil {
				t.Error("COPY is prepared")
			}
			_ = tx.Rollback()
			mustExec(t, db, "SELECT $1::int", 1)
		})
	})
}

func TestValues_AppearNeitherInEventsNorInLogs(t *testing.T) {
	const secret = "hunter2"
	var seen events
	var output bytes.Buffer
	log := querylog.Log(slog.New(slog.NewJSONHandler(&output, &slog.HandlerOptions{Level: slog.LevelDebug})))
	db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: true, Observe: querylog.Join(seen.observe, log)})
	ctx, _ := traced()

	if _, err := db.ExecContext(ctx, "SELECT $1::text", secret); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, "-- name: secrets.cast\nSELECT $1::text::int", secret); err == nil {
		t.Fatal("no error, want one that quotes the value")
	} else if !strings.Contains(err.Error(), secret) {
		t.Fatalf("the error does not quote the value any more: %v", err)
	}
	for _, e := range seen.take() {
		if strings.Contains(e.Name+e.Query, secret) {
			t.Errorf("value in %+v", e)
		}
	}
	if strings.Contains(output.String(), secret) {
		t.Errorf("value in the log: %s", output.String())
	}
	for _, want := range []string{`"name":"secrets.cast"`, `"sqlstate":"22P02"`, `"outcome":"error"`, `"level":"DEBUG"`} {
		if !strings.Contains(output.String(), want) {
			t.Errorf("no %s in the log: %s", want, output.String())
		}
	}
}

func TestMetrics_CountByNameAndOutcome(t *testing.T) {
	registry, dsn := prometheus.NewRegistry(), devtest.EmptyDatabase(t)
	observer := bare(t, dsn)
	db := open(t, querylog.Options{DSN: dsn, Prepared: true, Observe: querylog.Metrics(registry)})
	mustExec(t, db, "-- name: things.one\nSELECT $1::int", 1)
	for i := range 5 { // dynamic texts share one label
		mustExec(t, db, fmt.Sprintf("SELECT %d", i))
	}
	_, _ = db.Exec("-- name: things.none\nSELECT * FROM nowhere")
	ctx, cancel := context.WithCancel(context.Background())
	finishes(t, func() {
		go func() {
			defer cancel()
			eventually(t, "the query sleeps", func() bool { return sleepers(t, observer) == 1 })
		}()
		_, _ = db.ExecContext(ctx, "-- name: things.slow\nSELECT pg_sleep($1)", 60)
	})

	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			key := family.GetName()
			for _, label := range m.GetLabel() {
				key += " " + label.GetValue()
			}
			got[key] = m.GetHistogram().GetSampleCount()
		}
	}
	const histogram = "prefab_sql_query_duration_seconds "
	want := map[string]uint64{
		histogram + "ok things.one": 1, histogram + "ok select": 5,
		histogram + "error things.none": 1, histogram + "cancelled things.slow": 1,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func names(list []querylog.Event) string {
	var all []string
	for _, e := range list {
		all = append(all, e.Name)
	}
	return strings.Join(all, " ")
}
