package querylog_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services/tracing"
)

// hang is how long a test waits before it calls something stuck. Nothing
// measures time against it.
const hang = 20 * time.Second

// events collects what an Observer is told.
type events struct {
	mu   sync.Mutex
	list []querylog.Event
}

func (e *events) observe(_ context.Context, event querylog.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

// take returns the events since the last call.
func (e *events) take() []querylog.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	taken := e.list
	e.list = nil
	return taken
}

// one returns the only event since the last call.
func (e *events) one(t *testing.T) querylog.Event {
	t.Helper()
	list := e.take()
	if len(list) != 1 {
		t.Fatalf("%d events, want 1: %+v", len(list), list)
	}
	return list[0]
}

// open returns a pool of one connection, so that tests know which one they use.
func open(tb testing.TB, o querylog.Options) *sqlx.DB {
	tb.Helper()
	connector, err := querylog.NewConnector(o)
	if err != nil {
		tb.Fatal(err)
	}
	db := sqlx.NewDb(sql.OpenDB(connector), "postgres")
	db.SetMaxOpenConns(1)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// bare returns a pool of lib/pq's own, to look on from outside.
func bare(tb testing.TB, dsn string) *sqlx.DB {
	tb.Helper()
	db, err := sqlx.Open("postgres", dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// sleepers is the number of running pg_sleep calls in the database.
func sleepers(tb testing.TB, outside *sqlx.DB) int {
	tb.Helper()
	return mustGet[int](tb, outside, `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%pg_sleep%'`)
}

// prepared is the number of statements that db's connection has prepared.
func prepared(tb testing.TB, db *sqlx.DB) int {
	tb.Helper()
	return mustGet[int](tb, db, "SELECT count(*) FROM pg_prepared_statements") // without arguments: adds none
}

// traced returns a context that counts queries.
func traced() (context.Context, *tracing.Trace) {
	trace := &tracing.Trace{ID: "request-1", Route: "GET /things"}
	return tracing.With(context.Background(), trace), trace
}

func mustExec(tb testing.TB, db sqlx.Ext, query string, args ...any) {
	tb.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}

func mustGet[T any](tb testing.TB, db sqlx.Queryer, query string, args ...any) T {
	tb.Helper()
	var value T
	if err := sqlx.Get(db, &value, query, args...); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return value
}

// finishes fails the test if f hangs.
func finishes(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(hang):
		t.Fatal("still blocked")
	}
}

// eventually waits for what the server does in its own time.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(hang); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("never came true: %s", what)
}

// bothModes runs a test prepared and unprepared.
func bothModes(t *testing.T, test func(t *testing.T, on bool)) {
	t.Run("prepared", func(t *testing.T) { test(t, true) })
	t.Run("unprepared", func(t *testing.T) { test(t, false) })
}
