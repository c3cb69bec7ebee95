package querylog_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/querylog"
)

func TestErrors_NeverQuoteTheDSN(t *testing.T) {
	const secret = "pa55"
	for _, dsn := range []string{
		"postgres://user:" + secret + "/word@host/db",
		"postgres://user:" + secret + "%zz@host/db",
		"postgres://user:" + secret + "@host:port/db",
		"postgres://user:" + secret + "@host/db?sslmode=" + secret,
		"host=h password=a " + secret + " b",
		"host=h password='" + secret,
		"port=" + secret,
		"postgres://user:" + secret + "@127.0.0.1:1/db?sslmode=disable", // correct, but nobody listens there
	} {
		connector, err := querylog.NewConnector(querylog.Options{DSN: dsn})
		if err == nil {
			_, err = connector.Connect(t.Context())
		}
		if err == nil || strings.Contains(fmt.Sprintf("%+v", err), secret) {
			t.Errorf("%s: the error is %v", dsn, err)
		}
	}
}

func TestPool_RecoversWhenTheServerEndsItsConnections(t *testing.T) {
	bothModes(t, func(t *testing.T, db *sqlx.DB, seen *events, _ bool) {
		db.SetMaxOpenConns(5)
		db.SetMaxIdleConns(5)
		var held []*sqlx.Conn
		for range 5 {
			conn, err := db.Connx(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, conn)
		}
		const others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
		if _, err := held[0].ExecContext(t.Context(), "SELECT pg_terminate_backend(pid) "+others); err != nil {
			t.Fatal(err)
		}
		devtest.Eventually(t, "only this connection is left", func() bool {
			var n int
			return held[0].GetContext(t.Context(), &n, "SELECT count(*) "+others) == nil && n == 0
		})
		_ = held[0].Raw(func(any) error { return driver.ErrBadConn }) // so that the pool holds dead ones only
		for _, conn := range held {
			_ = conn.Close()
		}
		seen.take()
		ctx, trace := traced()
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if n, err := read(ctx, db, "SELECT $1::int", 1); n != 1 || err != nil {
			t.Errorf("%d rows, error %v", n, err)
		}
		if e := seen.one(t); e.Err != nil || trace.Queries() != 1 {
			t.Errorf("got %+v, counted %d: the attempts on dead connections are no statements", e, trace.Queries())
		}
	})
}

func TestEvents_OnePerStatementWithItsRows(t *testing.T) {
	bothModes(t, func(t *testing.T, db *sqlx.DB, seen *events, _ bool) {
		mustExec(t, db, "CREATE TABLE things (id int PRIMARY KEY, label text)")
		seen.take()
		exec := func(ctx context.Context, query string, args ...any) error {
			_, err := db.ExecContext(ctx, query, args...)
			return err
		}
		all := func(ctx context.Context, query string, args ...any) error {
			_, err := read(ctx, db, query, args...)
			return err
		}
		first := func(ctx context.Context, query string, args ...any) error {
			return db.QueryRowContext(ctx, query, args...).Scan(new(int))
		}
		prepared := func(ctx context.Context, query string, args ...any) error {
			stmt, err := db.PreparexContext(ctx, query)
			if err == nil {
				err = stmt.GetContext(ctx, new(int), args...)
			}
			return err
		}
		for _, c := range []struct {
			run   func(ctx context.Context, query string, args ...any) error
			query string
			args  []any
			name  string
			rows  int64
		}{
			{exec, "-- name: things.add\nINSERT INTO things SELECT n, 'x' FROM generate_series(1, $1::int) n", []any{5}, "things.add", 5},
			{all, "\n\t-- a remark\n\t-- name: things.list\n\tSELECT id FROM things WHERE id <= $1", []any{3}, "things.list", 3},
			{all, "SELECT id FROM things", nil, "select", 5},
			{all, "SELECT 1; SELECT 2 UNION ALL SELECT 3", nil, "select", 3},
			{exec, "UPDATE things SET label = 'y' WHERE id < 3", nil, "update", 2},
			{all, "delete from things where id = $1 returning id", []any{5}, "delete", 1},
			{all, "INSERT INTO things VALUES ($1), ($2)", []any{8, 9}, "insert", 2}, // though nothing is returned
			{first, "SELECT id FROM things ORDER BY id", nil, "select", 1},
			{prepared, "-- name: things.kept :one\nSELECT id FROM things WHERE id = $1", []any{8}, "things.kept", 1},
			{all, "(SELECT 1)", nil, "other", 1},
		} {
			ctx, trace := traced()
			if err := c.run(ctx, c.query, c.args...); err != nil {
				t.Fatalf("%s: %v", c.query, err)
			}
			e := seen.one(t)
			if e.Name != c.name || e.Query != c.query || e.Rows != c.rows || e.Err != nil || e.Duration <= 0 || trace.Queries() != 1 {
				t.Errorf("%s: got %+v, counted %d, want name %s, %d rows", c.query, e, trace.Queries(), c.name, c.rows)
			}
		}

		ctx, trace := traced()
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if e := seen.one(t); e.Name != "commit" || trace.Queries() != 0 {
			t.Errorf("a commit: %+v, counted %d, want 0", e, trace.Queries())
		}
	})
}

func TestLog_WarnsOfSlowStatements(t *testing.T) {
	for _, c := range []struct {
		slow, duration time.Duration
		err            error
		level, outcome string
	}{
		{time.Second, time.Second - 1, nil, "DEBUG", "ok"},
		{time.Second, time.Second, nil, "WARN", "ok"},
		{time.Second, time.Minute, errors.New("refused"), "WARN", "error"},
		{time.Second, time.Minute, context.DeadlineExceeded, "WARN", "cancelled"},
		{0, time.Hour, nil, "DEBUG", "ok"},
	} {
		var output bytes.Buffer
		log := slog.New(slog.NewJSONHandler(&output, &slog.HandlerOptions{Level: slog.LevelDebug}))
		querylog.Log(log, c.slow)(t.Context(), querylog.Event{
			Name: "things.list", Query: "SELECT $1" + strings.Repeat("é", 1<<20), Duration: c.duration, Rows: 7, Err: c.err,
		})
		if output.Len() > 1<<15 {
			t.Errorf("%d bytes are logged of a long text", output.Len())
		}
		var line map[string]any
		if err := json.Unmarshal(output.Bytes(), &line); err != nil {
			t.Fatalf("%+v: %v: %s", c, err, &output)
		}
		message := map[string]string{"DEBUG": "sql", "WARN": "slow query"}[c.level]
		if query, _ := line["query"].(string); line["level"] != c.level || line["msg"] != message || line["name"] != "things.list" ||
			line["duration"] != float64(c.duration) || line["rows"] != 7.0 || line["outcome"] != c.outcome ||
			!strings.HasPrefix(query, "SELECT $1é") {
			t.Errorf("%+v: %.200s", c, &output)
		}
	}
}

func TestValues_AppearNeitherInEventsNorInLogs(t *testing.T) {
	const secret = "hunter2"
	var seen events
	var output bytes.Buffer
	log := querylog.Log(slog.New(slog.NewTextHandler(&output, &slog.HandlerOptions{Level: slog.LevelDebug})), 0)
	db := open(t, querylog.Options{DSN: emptyDatabase(t), Prepared: true, Observe: func(ctx context.Context, e querylog.Event) {
		seen.observe(ctx, e)
		log(ctx, e)
	}})
	mustExec(t, db, "SELECT $1::text", secret)
	if _, err := db.Exec("-- name: secrets.cast\nSELECT $1::text::int", secret); err == nil || !strings.Contains(err.Error(), secret) {
		t.Fatalf("want an error that quotes the value: %v", err)
	}
	for _, e := range seen.take() {
		if strings.Contains(e.Name+e.Query, secret) {
			t.Errorf("value in %+v", e)
		}
	}
	if text := output.String(); strings.Contains(text, secret) || !strings.Contains(text, "sqlstate=22P02") {
		t.Errorf("the log is %s", text)
	}
}

func TestMetrics_CountByNameAndOutcome(t *testing.T) {
	registry := prometheus.NewRegistry()
	db := open(t, querylog.Options{DSN: emptyDatabase(t), Prepared: true, Observe: querylog.Metrics(registry)})
	mustExec(t, db, "-- name: things.one\nSELECT $1::int", 1)
	for i := range 5 { // dynamic texts share one label
		mustExec(t, db, fmt.Sprintf("SELECT %d", i))
	}
	_, _ = db.Exec("-- name: things.none\nSELECT * FROM nowhere")
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
	want := map[string]uint64{histogram + "ok things.one": 1, histogram + "ok select": 5, histogram + "error things.none": 1}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestValues_ComeBackAsTheyWere(t *testing.T) {
	type thing struct {
		ID    int64
		Label sql.NullString
		Tags  pq.StringArray
		Raw   []byte
		Made  time.Time
		Gone  *time.Time
		Price float64
		Extra string
	}
	bothModes(t, func(t *testing.T, db *sqlx.DB, seen *events, _ bool) {
		mustExec(t, db, `DO $$ BEGIN
			EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Tokyo''', current_database()); -- but times are in UTC
		END $$;
		CREATE TABLE things (id bigint, label text, tags text[], raw bytea, made timestamptz, gone timestamptz, price float8, extra jsonb)`)
		made := time.Date(2024, 2, 29, 12, 30, 15, 123456000, time.UTC)
		in := []thing{
			{1, sql.NullString{String: "it's \"one\" \\ ÿ", Valid: true}, pq.StringArray{"a", "b,c", `"`}, []byte{0, 1, 255}, made, &made, 1.5, `{"a": 1}`},
			{2, sql.NullString{}, pq.StringArray{}, nil, made.Add(time.Hour), nil, -0.25, "null"},
		}
		seen.take()
		_, err := db.NamedExecContext(t.Context(), `-- name:: things.add
			INSERT INTO things (id, label, tags, raw, made, gone, price, extra) VALUES (:id, :label, :tags, :raw, :made, :gone, :price, :extra)`, in)
		if err != nil {
			t.Fatal(err)
		}
		if e := seen.one(t); e.Name != "things.add" || e.Rows != 2 {
			t.Errorf("reported as %+v", e)
		}
		db.SetMaxIdleConns(-1) // the time zone is that of a new connection
		var out []thing
		err = db.SelectContext(t.Context(), &out, `SELECT * FROM things
			WHERE id = ANY($1) AND (raw = $2 OR made > $3) ORDER BY id`, pq.Array([]int64{1, 2, 3}), in[0].Raw, made)
		if err != nil || !reflect.DeepEqual(out, in) {
			t.Errorf("got %+v, want %+v, error %v", out, in, err)
		}
	})
}
