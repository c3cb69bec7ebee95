package querylog_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/querylog"
)

const short = 200 * time.Millisecond

// ways are all that a statement can be run by.
var ways = map[string]func(ctx context.Context, db *sqlx.DB) error{
	"query": func(ctx context.Context, db *sqlx.DB) error {
		var n int
		return db.GetContext(ctx, &n, "SELECT $1::int", 1)
	},
	"exec": func(ctx context.Context, db *sqlx.DB) error {
		_, err := db.ExecContext(ctx, "SELECT $1::int", 1)
		return err
	},
	"simple": func(ctx context.Context, db *sqlx.DB) error { _, err := db.ExecContext(ctx, "SELECT 1"); return err },
	"prepare": func(ctx context.Context, db *sqlx.DB) error {
		stmt, err := db.PrepareContext(ctx, "SELECT 2")
		if err == nil {
			_ = stmt.Close()
		}
		return err
	},
	"begin": func(ctx context.Context, db *sqlx.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err == nil {
			_ = tx.Rollback()
		}
		return err
	},
	"ping": func(ctx context.Context, db *sqlx.DB) error { return db.PingContext(ctx) },
}

func TestBlackHole_ReturnsSoonAfterTheContextEnds(t *testing.T) {
	ends := map[string]func() (context.Context, context.CancelFunc){
		"deadline": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), short)
		},
		"cancelled": func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(short, cancel)
			return ctx, cancel
		},
		"cancelled long before the deadline": func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			time.AfterFunc(short, cancel)
			return ctx, cancel
		},
	}
	p, dsn := newProxy(t, devtest.EmptyDatabase(t), nil)
	type attempt struct {
		name  string
		db    *sqlx.DB
		run   func(ctx context.Context, db *sqlx.DB) error
		begin func() (context.Context, context.CancelFunc)
	}
	var attempts []attempt
	for end, begin := range ends {
		for way, run := range ways {
			for _, on := range []bool{true, false} {
				a := attempt{fmt.Sprintf("%s, %s, prepared=%t", end, way, on), open(t, querylog.Options{DSN: dsn, Prepared: on}), run, begin}
				if err := run(context.Background(), a.db); err != nil {
					t.Fatalf("%s: %v", a.name, err)
				}
				attempts = append(attempts, a)
			}
		}
	}
	// All at once, or the test would take the grace once for each.
	p.freeze()
	var waiting sync.Map
	var all sync.WaitGroup
	for _, a := range attempts {
		waiting.Store(a.name, true)
		all.Go(func() {
			defer waiting.Delete(a.name)
			ctx, cancel := a.begin()
			defer cancel()
			if err := a.run(ctx, a.db); err == nil || !errors.Is(err, ctx.Err()) {
				t.Errorf("%s: got %v, want the context's error", a.name, err)
			}
		})
	}
	t.Cleanup(func() {
		waiting.Range(func(name, _ any) bool { t.Errorf("%s: still blocked", name); return true })
	})
	finishes(t, all.Wait)
	p.thaw()
	for _, a := range attempts { // every pool recovers
		finishes(t, func() {
			if err := a.run(context.Background(), a.db); err != nil {
				t.Errorf("%s, afterwards: %v", a.name, err)
			}
		})
	}
}

func TestBlackHole_UnderTLS(t *testing.T) {
	t.Parallel()
	p, dsn := newProxy(t, devtest.EmptyDatabase(t), selfSigned(t))
	db := open(t, querylog.Options{DSN: dsn, Prepared: true})
	if err := ways["query"](context.Background(), db); err != nil {
		t.Fatal(err)
	}
	p.freeze()
	finishes(t, func() {
		ctx, cancel := context.WithTimeout(context.Background(), short)
		defer cancel()
		if err := ways["query"](ctx, db); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	p.thaw()
	if err := ways["query"](context.Background(), db); err != nil {
		t.Errorf("after recovery: %v", err)
	}
}

func TestBlackHole_WhileConnecting(t *testing.T) {
	t.Parallel()
	p, dsn := newProxy(t, devtest.EmptyDatabase(t), nil)
	p.freeze()
	t.Run("deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), short)
		defer cancel()
		connecting(ctx, t, dsn, context.DeadlineExceeded)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(short, cancel)
		connecting(ctx, t, dsn, context.Canceled)
	})
	t.Run("connect_timeout", func(t *testing.T) {
		connecting(context.Background(), t, dsn+"&connect_timeout=1", nil)
	})
	t.Run("default", func(t *testing.T) {
		connecting(context.Background(), t, dsn, nil)
	})
}

// connecting calls the connector itself: database/sql would not wait for it.
func connecting(ctx context.Context, t *testing.T, dsn string, want error) {
	t.Helper()
	connector, err := querylog.NewConnector(querylog.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	finishes(t, func() {
		conn, err := connector.Connect(ctx)
		if err == nil {
			_ = conn.Close()
			t.Error("connected through a black hole")
		} else if want != nil && !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	})
}

func TestBlackHole_InATransaction(t *testing.T) {
	steps := map[string]func(ctx context.Context, tx *sqlx.Tx) error{
		"statement": func(ctx context.Context, tx *sqlx.Tx) error {
			_, err := tx.ExecContext(ctx, "SELECT $1::int", 1)
			return err
		},
		"statement without its own context": func(_ context.Context, tx *sqlx.Tx) error {
			_, err := tx.Exec("SELECT $1::int", 1)
			return err
		},
		"commit": func(_ context.Context, tx *sqlx.Tx) error { return tx.Commit() },
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, dsn := newProxy(t, devtest.EmptyDatabase(t), nil)
			db := open(t, querylog.Options{DSN: dsn, Prepared: true})
			mustExec(t, db, "CREATE TABLE things (id int)")
			ctx, cancel := context.WithTimeout(context.Background(), 2*short)
			defer cancel()
			tx, err := db.BeginTxx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			p.freeze()
			finishes(t, func() {
				if err := step(ctx, tx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
				_ = tx.Rollback()
			})
			p.thaw()
			mustExec(t, db, "SELECT $1::int", 1)
		})
	}
}

func TestBlackHole_RollbackWithoutAnyDeadlineIsBounded(t *testing.T) {
	t.Parallel()
	p, dsn := newProxy(t, devtest.EmptyDatabase(t), nil)
	db := open(t, querylog.Options{DSN: dsn, Prepared: true})
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	p.freeze()
	finishes(t, func() {
		if err := tx.Rollback(); err == nil {
			t.Error("rolled back through a black hole")
		}
	})
	p.thaw()
	mustExec(t, db, "SELECT $1::int", 1)
}

func TestBlackHole_WhileFetchingRows(t *testing.T) {
	t.Parallel()
	p, dsn := newProxy(t, devtest.EmptyDatabase(t), nil)
	var seen events
	db := open(t, querylog.Options{DSN: dsn, Prepared: true, Observe: seen.observe})
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// More than all buffers on the way hold, so that the freeze meets it midway.
	rows, err := db.QueryContext(ctx, "SELECT repeat('x', 10000) FROM generate_series(1, $1::int)", 10000)
	if err != nil {
		t.Fatal(err)
	}
	rows.Next()
	p.freeze()
	finishes(t, func() {
		for rows.Next() {
		}
		if err := rows.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		_ = rows.Close()
	})
	if e := seen.one(t); e.Outcome() != querylog.Cancelled || e.Rows == 0 || e.Rows == 10000 {
		t.Errorf("got %d rows, %v", e.Rows, e.Err)
	}
}

func TestSlowQuery_IsCancelledOnTheServer(t *testing.T) {
	t.Parallel()
	bothModes(t, func(t *testing.T, on bool) {
		var seen events
		dsn := devtest.EmptyDatabase(t)
		p, proxied := newProxy(t, dsn, nil)
		db, outside := open(t, querylog.Options{DSN: proxied, Prepared: on, Observe: seen.observe}), bare(t, dsn)
		before := mustGet[int](t, db, "SELECT pg_backend_pid()")
		seen.take()

		ctx, cancel := context.WithTimeout(context.Background(), short)
		defer cancel()
		finishes(t, func() {
			_, err := db.ExecContext(ctx, "SELECT pg_sleep($1)", 600)
			if !errors.Is(err, context.DeadlineExceeded) || pq.As(err) == nil {
				t.Errorf("got %v, want the context's error and the server's", err)
			}
		})
		eventually(t, "nobody sleeps", func() bool { return sleepers(t, outside) == 0 })
		if e := seen.one(t); e.Outcome() != querylog.Cancelled {
			t.Errorf("got %+v", e)
		}
		if p.cancelRequests() != 1 {
			t.Errorf("%d cancel requests", p.cancelRequests())
		}
		// pq keeps the connection of a prepared statement alone.
		after := mustGet[int](t, db, "SELECT pg_backend_pid()")
		if on && after != before {
			t.Error("the connection was thrown away, though the server had answered")
		}
	})
}

func TestDeadline_IsGoneForTheNextStatement(t *testing.T) {
	t.Parallel()
	db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: true})
	before := mustGet[int](t, db, "SELECT pg_backend_pid()")
	for _, query := range []string{"SELECT $1::int", "SELECT pg_sleep($1)"} { // in time, and cancelled
		ctx, cancel := context.WithTimeout(context.Background(), short)
		_, _ = db.ExecContext(ctx, query, 600)
		<-ctx.Done()
		cancel()
		mustExec(t, db, "SELECT pg_sleep($1)", 1.5) // past the deadline and the grace
	}
	if after := mustGet[int](t, db, "SELECT pg_backend_pid()"); after != before {
		t.Error("not the same connection")
	}
}

func selfSigned(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
