package querylog_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services/tracing"
)

func TestExplainable_IsOnlyWhatCertainlyReads(t *testing.T) {
	for query, want := range map[string]bool{
		"SELECT 1": true,
		"-- name: things.list\nselect id\nfrom things where id = $1 and label <> 'x; no' -- delete":  false, // a semicolon, wherever
		"-- name: things.list\nselect id\nfrom things where id = $1 and label <> 'don''t' -- delete": true,
		"WITH a AS (SELECT 1) SELECT * FROM a":                                                       true,
		"(SELECT 1) UNION (SELECT 2)":                                                                true,
		`SELECT "update", updated_at, 'delete' FROM "for"`:                                           true,
		"SELECT naïve FROM things":                                                                   true,
		"":                                                                                           false,
		"-- SELECT":                                                                                  false,
		"INSERT INTO things VALUES (1)":                                                              false,
		"UPDATE things SET id = 1":                                                                   false,
		"VALUES (1)":                                                                                 false,
		"TABLE things":                                                                               false,
		"EXPLAIN ANALYZE SELECT 1":                                                                   false,
		"CALL procedure()":                                                                           false,
		"COPY things TO STDOUT":                                                                      false,
		"COMMIT":                                                                                     false,
		"SELECT 1; DELETE FROM things":                                                               false,
		"SELECT 1 FROM things FOR UPDATE":                                                            false,
		"SELECT 1 FROM things for\nshare":                                                            false,
		"SELECT 1 INTO other FROM things":                                                            false,
		"WITH a AS (DELETE FROM things RETURNING id) SELECT 1":                                       false,
		"WITH a AS (SELECT 1) INSERT INTO things SELECT * FROM a":                                    false,
		"WITH a AS (SELECT 1) MERGE INTO things USING a ON true WHEN MATCHED THEN DO NOTHING": false,
		"-- nothing\rDELETE FROM things":                  false,
		"SELECT 1 /* /* */ */":                            false,
		`SELECT E'\' || (' FROM things FOR UPDATE --'`:    false,
		"SELECT $$ ' $$ FROM things FOR UPDATE --'":       false,
		"SELECT $a$ ' $a$ FROM things FOR UPDATE --'":     false,
		"SELECT 'no end":                                  false,
		"SELECT '' FROM things -- '\nFOR UPDATE":          false,
		`SELECT "a""b" FROM things -- "` + "\nFOR UPDATE": false,
	} {
		if got := querylog.Explainable(query); got != want {
			t.Errorf("%q: %v, want %v", query, got, want)
		}
	}
}

// explained is a pool whose every SELECT counts as slow and is explained.
type explained struct {
	*sqlx.DB
	dsn       string
	explainer *querylog.Explainer

	mu     sync.Mutex
	output bytes.Buffer
}

func (x *explained) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.output.Write(p)
}

func (x *explained) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.output.String()
}

// logged are the lines with that message.
func (x *explained) logged(message string) []map[string]any {
	var found []map[string]any
	for text := range strings.Lines(x.String()) {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) == nil && line["msg"] == message {
			found = append(found, line)
		}
	}
	return found
}

func explaining(t *testing.T, prepared bool) *explained {
	t.Helper()
	x := &explained{dsn: devtest.EmptyDatabase(t)}
	log := slog.New(slog.NewJSONHandler(x, &slog.HandlerOptions{Level: slog.LevelDebug}))
	x.explainer = querylog.NewExplainer(log)
	x.DB = open(t, querylog.Options{
		DSN: x.dsn, Prepared: prepared, Observe: querylog.Slow(log, time.Nanosecond, x.explainer.Explain),
	})
	mustExec(t, x, "CREATE TABLE things (id int PRIMARY KEY, label text)")
	mustExec(t, x, "INSERT INTO things SELECT n, 'label ' || n FROM generate_series(1, 10000) n; ANALYZE things")
	x.explainer.Use(x.DB.DB)
	t.Cleanup(x.explainer.Close)
	return x
}

func TestExplain_LogsThePlanWithoutValues(t *testing.T) {
	bothModes(t, func(t *testing.T, on bool) {
		const secret = "hunter2"
		x := explaining(t, on)
		ctx, trace := traced()
		const query = "-- name: things.find\nSELECT id FROM things WHERE label = $1 OR id = ANY($2) ORDER BY $1"
		if _, err := x.ExecContext(ctx, query, secret, "{424242}"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the plan is logged", func() bool { return len(x.logged("slow query plan")) == 1 })
		line := x.logged("slow query plan")[0]
		plan, _ := line["plan"].(string)
		if line["name"] != "things.find" || line["level"] != "WARN" || !strings.Contains(plan, "Scan on things") ||
			!strings.Contains(plan, "$1") || !strings.Contains(plan, "$2") {
			t.Errorf("got %v", line)
		}
		if text := x.String(); strings.Contains(text, secret) || strings.Contains(text, "424242") {
			t.Errorf("values in the log:\n%s", text)
		}
		if trace.Queries() != 1 {
			t.Errorf("%d statements count as the request's", trace.Queries())
		}
	})
}

func TestExplain_LeavesNothingOnTheConnection(t *testing.T) {
	x := explaining(t, true)
	state := func() [3]string { // without arguments, so nothing of it stays either
		return [3]string{
			mustGet[string](t, x, "SELECT count(*)::text FROM pg_prepared_statements"),
			mustGet[string](t, x, "SHOW plan_cache_mode"),
			mustGet[string](t, x, "SHOW lock_timeout"),
		}
	}
	before, pid := state(), mustGet[int](t, x, "SELECT pg_backend_pid()")
	eventually(t, "a plan is logged", func() bool { return len(x.logged("slow query plan")) > 0 })
	if after := state(); after != before || mustGet[int](t, x, "SELECT pg_backend_pid()") != pid {
		t.Errorf("the connection is %v, was %v", after, before)
	}
}

func TestExplain_RunsNothingAnew(t *testing.T) {
	x := explaining(t, true)
	mustExec(t, x, "CREATE SEQUENCE calls")
	mustExec(t, x, "-- name: calls.next\nSELECT nextval('calls')")
	eventually(t, "the plan is logged", func() bool { return len(x.logged("slow query plan")) > 0 })
	if n := mustGet[int](t, x, "SELECT last_value FROM calls"); n != 1 {
		t.Errorf("the function was called %d times", n)
	}
}

func TestExplain_GivesUpQuietly(t *testing.T) {
	x := explaining(t, true)
	outside := bare(t, x.dsn)
	refused := func(name, query, sqlstate string) {
		t.Helper()
		x.explainer.Explain(t.Context(), querylog.Event{Name: name, Query: query})
		eventually(t, name+" is given up", func() bool {
			lines := x.logged("slow query not explained")
			return len(lines) > 0 && lines[len(lines)-1]["name"] == name && lines[len(lines)-1]["sqlstate"] == sqlstate &&
				lines[len(lines)-1]["level"] == "DEBUG"
		})
		x.explainer.Close() // waits
		x.explainer = querylog.NewExplainer(slog.New(slog.NewJSONHandler(x, &slog.HandlerOptions{Level: slog.LevelDebug})))
		x.explainer.Use(x.DB.DB)
	}
	refused("absent", "SELECT * FROM nowhere", "42P01")
	refused("planned for no arguments", "SELECT 1 / 0", "22012") // when it is prepared already
	refused("untyped", "SELECT id FROM things WHERE id = $2", "42P18")

	tx := outside.MustBegin()
	mustExec(t, tx, "LOCK TABLE things")
	refused("locked", "SELECT id FROM things", "55P03")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if n := mustGet[int](t, x, "SELECT count(*) FROM things"); n != 10000 {
		t.Errorf("%d rows afterwards", n)
	}
	if n := mustGet[int](t, x, "SELECT count(*) FROM pg_prepared_statements"); n != 0 {
		t.Errorf("%d statements stay prepared", n)
	}
}

// asked is a database that counts who connects, and never lets them.
type asked struct {
	count atomic.Int64
	hangs bool
}

func (a *asked) Connect(ctx context.Context) (driver.Conn, error) {
	a.count.Add(1)
	if a.hangs {
		<-ctx.Done()
	}
	return nil, errors.New("refused")
}

func (a *asked) Driver() driver.Driver { return nil }

func TestExplain_OnceAMinuteAndName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := new(asked)
		x := querylog.NewExplainer(slog.New(slog.DiscardHandler))
		defer x.Close()
		explain := func(name, query string, err error) {
			x.Explain(t.Context(), querylog.Event{Name: name, Query: query, Err: err})
			synctest.Wait()
		}
		explain("a", "SELECT 1", nil) // before it has a pool
		db := sql.OpenDB(server)
		defer db.Close()
		x.Use(db)
		expect := func(when string, want int64) {
			t.Helper()
			if got := server.count.Load(); got != want {
				t.Errorf("%s: %d plans, want %d", when, got, want)
			}
		}
		expect("without a pool", 0)
		for range 10 {
			explain("a", "SELECT 1", nil)
			explain("b", "SELECT 2", nil)
		}
		expect("two names", 2)
		time.Sleep(time.Minute - 1)
		explain("a", "SELECT 1", nil)
		expect("before a minute", 2)
		time.Sleep(time.Nanosecond)
		explain("a", "SELECT 1", context.DeadlineExceeded) // slower still
		expect("after a minute", 3)
		explain("c", "DELETE FROM things", nil)
		explain("d", "SELECT 1 FROM things FOR UPDATE", nil)
		explain("e", "SELECT 1", errors.New("failed"))
		expect("writes, locks and failures", 3)
		x.Close()
		explain("f", "SELECT 1", nil)
		expect("after Close", 3)
	})
}

func TestExplain_OneAtATimeAndNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &asked{hangs: true}
		db := sql.OpenDB(server)
		defer db.Close()
		x := querylog.NewExplainer(slog.New(slog.DiscardHandler))
		x.Use(db)
		begin := time.Now()
		for _, name := range []string{"a", "b", "c"} {
			x.Explain(tracing.With(t.Context(), nil), querylog.Event{Name: name, Query: "SELECT 1"})
			synctest.Wait()
		}
		if server.count.Load() != 1 || time.Since(begin) != 0 { // of the bubble's time, so exact
			t.Errorf("%d plans are under way, and the callers waited %v", server.count.Load(), time.Since(begin))
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		x.Explain(t.Context(), querylog.Event{Name: "b", Query: "SELECT 1"})
		synctest.Wait()
		if server.count.Load() != 2 {
			t.Errorf("%d plans have been begun, want 2", server.count.Load())
		}
		begin = time.Now()
		x.Close()
		if took := time.Since(begin); took != 0 {
			t.Errorf("Close waited %v", took)
		}
	})
}
