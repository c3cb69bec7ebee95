package querylog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/querylog"
)

const short = 200 * time.Millisecond

// ways are all that can be done on a connection. What a way does before it returns a
// function is done while the network works.
var ways = map[string]func(db *sqlx.DB) func(ctx context.Context) error{
	"query": plain(func(ctx context.Context, db *sqlx.DB) error { _, err := read(ctx, db, "SELECT $1::int", 1); return err }),
	"exec": plain(func(ctx context.Context, db *sqlx.DB) error {
		_, err := db.ExecContext(ctx, "SELECT $1::int", 1)
		return err
	}),
	"simple": plain(func(ctx context.Context, db *sqlx.DB) error { _, err := db.ExecContext(ctx, "SELECT 1"); return err }),
	"ping":   plain(func(ctx context.Context, db *sqlx.DB) error { return db.PingContext(ctx) }),
	"begin": plain(func(ctx context.Context, db *sqlx.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err == nil {
			_ = tx.Rollback()
		}
		return err
	}),
	"in a transaction": inTx(func(ctx context.Context, tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT $1::int", 1)
		return err
	}),
	"without a context of its own in a transaction": inTx(func(_ context.Context, tx *sqlx.Tx) error {
		_, err := tx.Exec("SELECT $1::int", 1)
		return err
	}),
	"commit": inTx(func(_ context.Context, tx *sqlx.Tx) error { return tx.Commit() }),
	"rollback, which has no context": func(db *sqlx.DB) func(ctx context.Context) error {
		tx := db.MustBegin()
		return func(ctx context.Context) error {
			err := tx.Rollback()
			if err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
	},
}

func plain(run func(context.Context, *sqlx.DB) error) func(*sqlx.DB) func(context.Context) error {
	return func(db *sqlx.DB) func(context.Context) error {
		return func(ctx context.Context) error { return run(ctx, db) }
	}
}

// inTx runs a step of a transaction, whose context ends with that of the step.
func inTx(step func(ctx context.Context, tx *sqlx.Tx) error) func(*sqlx.DB) func(context.Context) error {
	return func(db *sqlx.DB) func(context.Context) error {
		txCtx, cancel := context.WithCancel(context.Background())
		tx := db.MustBeginTx(txCtx, nil)
		return func(ctx context.Context) error {
			defer cancel()
			context.AfterFunc(ctx, cancel)
			err := step(ctx, tx)
			_ = tx.Rollback()
			if errors.Is(err, context.Canceled) {
				return ctx.Err()
			}
			return err
		}
	}
}

func TestBlackHole_ReturnsSoonAfterTheContextEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	ends := map[string]func() (context.Context, context.CancelFunc){
		"deadline": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), short)
		},
		"cancelled": func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			time.AfterFunc(short, cancel)
			return ctx, cancel
		},
	}
	type attempt struct {
		name    string
		db      *sqlx.DB
		prepare func(db *sqlx.DB) func(context.Context) error
		run     func(context.Context) error
		begin   func() (context.Context, context.CancelFunc)
	}
	database := emptyDatabase(t)
	plain, plainURL := newProxy(t, database, nil)
	secure, secureURL := newProxy(t, database, selfSigned(t))
	var attempts []attempt
	for end, begin := range ends {
		for way, prepare := range ways {
			for what, o := range map[string]querylog.Options{
				"prepared, by TLS": {DSN: secureURL, Prepared: true}, "unprepared": {DSN: plainURL},
			} {
				a := attempt{fmt.Sprintf("%s, %s, %s", end, way, what), open(t, o), prepare, nil, begin}
				if err := prepare(a.db)(t.Context()); err != nil { // as nothing is wrong
					t.Fatalf("%s: %v", a.name, err)
				}
				a.run = prepare(a.db)
				attempts = append(attempts, a)
			}
		}
	}
	plain.freeze()
	secure.freeze()
	var all sync.WaitGroup
	for _, a := range attempts { // at once, or the test would take the cancel timeout once for each
		all.Go(func() {
			ctx, cancel := a.begin()
			defer cancel()
			if err := a.run(ctx); err == nil || !errors.Is(err, ctx.Err()) {
				t.Errorf("%s: got %v, want the context's error", a.name, err)
			}
		})
	}
	finishes(t, all.Wait)
	plain.thaw()
	secure.thaw()
	for _, a := range attempts {
		if err := a.prepare(a.db)(t.Context()); err != nil {
			t.Errorf("%s, afterwards: %v", a.name, err)
		}
	}
}

func TestBlackHole_WhileConnecting(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	p, dsn := newProxy(t, devtest.EmptyDatabase(t), nil)
	p.freeze()
	defer p.thaw()
	cancelled, cancel := context.WithCancel(t.Context())
	time.AfterFunc(short, cancel)
	timeout, cancelTimeout := context.WithTimeout(t.Context(), short)
	defer cancelTimeout()
	var all sync.WaitGroup
	for _, c := range []struct {
		ctx  context.Context
		dsn  string
		want error
	}{
		{timeout, dsn, context.DeadlineExceeded},
		{cancelled, dsn, context.Canceled},
		{t.Context(), dsn + "&connect_timeout=1", nil},
		{t.Context(), dsn, nil}, // 5 seconds, which tests shorten
	} {
		connector, err := querylog.NewConnector(querylog.Options{DSN: c.dsn})
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			conn, err := connector.Connect(c.ctx) // database/sql would not wait for it
			if err == nil {
				_ = conn.Close()
				t.Error("connected through a black hole")
			} else if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	finishes(t, all.Wait)
}

func TestBlackHole_WhileFetchingRows(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	p, dsn := newProxy(t, devtest.EmptyDatabase(t), nil)
	var seen events
	db := open(t, querylog.Options{DSN: dsn, Prepared: true, Observe: seen.observe})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// More than all buffers on the way hold, so that the freeze meets it midway.
	rows, err := db.QueryContext(ctx, "SELECT repeat('x', 10000) FROM generate_series(1, $1::int)", 10000)
	if err != nil {
		t.Fatal(err)
	}
	rows.Next()
	p.freeze()
	defer p.thaw()
	time.AfterFunc(short, cancel)
	finishes(t, func() {
		for rows.Next() {
		}
		if err := rows.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		_ = rows.Close()
	})
	if e := seen.one(t); e.Outcome() != "cancelled" || e.Rows == 0 || e.Rows == 10000 {
		t.Errorf("got %d rows, %v", e.Rows, e.Err)
	}
}

func TestSlowQuery_IsCancelledOnTheServer(t *testing.T) {
	bothModes(t, func(t *testing.T, db *sqlx.DB, seen *events, prepared bool) {
		before := pid(t, db)
		seen.take()
		ctx, cancel := context.WithTimeout(t.Context(), short)
		defer cancel()
		finishes(t, func() {
			_, err := db.ExecContext(ctx, "SELECT pg_sleep($1)", 600)
			if !errors.Is(err, context.DeadlineExceeded) || pq.As(err) == nil {
				t.Errorf("got %v, want the context's error and the server's", err)
			}
		})
		if e := seen.one(t); e.Outcome() != "cancelled" {
			t.Errorf("got %+v", e)
		}
		after := pid(t, db)
		devtest.Eventually(t, "nobody sleeps", func() bool {
			return mustGet[int](t, db, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
				AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%pg_sleep%'`) == 0
		})
		// pq keeps the connection of a prepared statement alone.
		if prepared && after != before {
			t.Error("the connection was thrown away, though the server had answered")
		}
	})
}

func TestDeadline_IsGoneForTheNextStatement(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	db := open(t, querylog.Options{DSN: emptyDatabase(t), Prepared: true})
	before := pid(t, db)
	for _, query := range []string{"SELECT $1::int", "SELECT pg_sleep($1)"} { // in time, and cancelled
		ctx, cancel := context.WithTimeout(t.Context(), short)
		_, _ = db.ExecContext(ctx, query, 600)
		<-ctx.Done()
		cancel()
	}
	mustExec(t, db, "SELECT pg_sleep($1)", 1.5) // past the deadline and the cancel timeout
	if pid(t, db) != before {
		t.Error("not the same connection")
	}
}
