package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/writes"
)

func TestMain(m *testing.M) { devtest.Main(m) }

func open(t *testing.T, url string, prepared bool) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(postgres.Options{URL: url, MaxConns: 8, Prepared: prepared})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// everyWay runs a test once for each way to reach PostgreSQL, on an empty database.
func everyWay(t *testing.T, test func(t *testing.T, db *sqlx.DB)) {
	for name, open := range map[string]func(t *testing.T) *sqlx.DB{
		"prepared":   func(t *testing.T) *sqlx.DB { return open(t, devtest.EmptyDatabase(t), true) },
		"unprepared": func(t *testing.T) *sqlx.DB { return open(t, devtest.EmptyDatabase(t), false) },
		"pgbouncer": func(t *testing.T) *sqlx.DB {
			return open(t, devtest.PgBouncer(t, devtest.EmptyDatabase(t)), false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func mustExec(t *testing.T, db *sqlx.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func get[T any](t *testing.T, db *sqlx.DB, query string, args ...any) (value T) {
	t.Helper()
	if err := db.GetContext(t.Context(), &value, query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func TestInTx_CommitsOrRollsBack(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		mustExec(t, db, "CREATE TABLE kv (k text CONSTRAINT kv_key PRIMARY KEY, v int NOT NULL)")
		put := func(ctx context.Context, k string, result error) error {
			return postgres.InTx(ctx, db, func(tx *sqlx.Tx) error {
				_, err := tx.ExecContext(ctx, "INSERT INTO kv VALUES ($1, 1)", k)
				return errors.Join(err, result)
			})
		}
		refused, taken := errors.New("refused"), put(t.Context(), "a", nil)
		if err := put(t.Context(), "b", refused); taken != nil || !errors.Is(err, refused) {
			t.Errorf("errors %v and %v, want none and the function's", taken, err)
		}
		if n := get[int](t, db, "SELECT count(*) FROM kv"); n != 1 {
			t.Errorf("%d rows, want the committed one", n)
		}
		err := put(t.Context(), "a", nil)
		if !postgres.Violates(err, postgres.UniqueViolation, "kv_key") || postgres.Violates(err, postgres.UniqueViolation, "other") {
			t.Errorf("a second row of one key: %v", err)
		}
		if err := postgres.WrapError("put", err); !errors.Is(err, writes.ErrInvalid) {
			t.Errorf("it is wrapped as %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := put(ctx, "c", nil); problem.CodeOf(err) != problem.Unavailable {
			t.Errorf("with an ended context: %v", err)
		}
		if postgres.WrapError("put", nil) != nil {
			t.Error("no error is wrapped as one")
		}
	})
}

func TestOpen_ScansColumnsByTheirFields(t *testing.T) {
	type row struct {
		ID, PriceCents, CategoryID, Plan9Price int
		URLPath, ABTest, HTTPServerID          string
	}
	db := open(t, devtest.EmptyDatabase(t), true)
	got := get[row](t, db, `SELECT 1 AS id, 2 AS price_cents, 3 AS category_id, 4 AS plan9_price,
		'a' AS url_path, 'b' AS ab_test, 'c' AS http_server_id`)
	if want := (row{1, 2, 3, 4, "a", "b", "c"}); got != want {
		t.Errorf("got %+v", got)
	}
}
