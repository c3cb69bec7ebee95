package postgres_test

import (
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/postgres"
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
