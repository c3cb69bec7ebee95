package querylog_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services/tracing"
)

func TestMain(m *testing.M) {
	querylog.ShortenServerTimeout()
	devtest.Main(m)
}

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

// emptyDatabase is devtest's. A busy machine may exceed the tests' second for connecting.
func emptyDatabase(tb testing.TB) string {
	tb.Helper()
	return devtest.EmptyDatabase(tb) + "&connect_timeout=10"
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

// bare returns a pool of lib/pq's own.
func bare(tb testing.TB, dsn string) *sqlx.DB {
	tb.Helper()
	db, err := sqlx.Open("postgres", dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// bothModes runs a test on an empty database, prepared and unprepared.
func bothModes(t *testing.T, test func(t *testing.T, db *sqlx.DB, seen *events, prepared bool)) {
	for name, prepared := range map[string]bool{"prepared": true, "unprepared": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := new(events)
			o := querylog.Options{DSN: emptyDatabase(t), Prepared: prepared, Observe: seen.observe}
			test(t, open(t, o), seen, prepared)
		})
	}
}

// prepared returns how many statements db's connection has prepared.
func prepared(tb testing.TB, db *sqlx.DB) int {
	tb.Helper()
	return mustGet[int](tb, db, "SELECT count(*) FROM pg_prepared_statements") // without arguments: adds none
}

func pid(tb testing.TB, db *sqlx.DB) int {
	tb.Helper()
	return mustGet[int](tb, db, "SELECT pg_backend_pid()")
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

// read reads all rows, whatever their columns, and returns how many there were.
func read(ctx context.Context, db sqlx.QueryerContext, query string, args ...any) (n int64, err error) {
	rows, err := db.QueryxContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
			n++
		}
	}
	return n, rows.Err()
}

// finishes fails the test if f hangs.
func finishes(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("still blocked")
	}
}
