package repositories_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

func TestMain(m *testing.M) { devtest.Main(m, repositories.Migrations) }

// everyWay runs a test once for each way to reach PostgreSQL, on an empty
// catalogue of its own.
func everyWay(t *testing.T, test func(t *testing.T, db *sqlx.DB)) {
	run := func(name string, open func(t *testing.T) *sqlx.DB) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
	run("prepared", func(t *testing.T) *sqlx.DB { return open(t, devtest.Database(t), true) })
	run("unprepared", func(t *testing.T) *sqlx.DB { return open(t, devtest.Database(t), false) })
	run("pgbouncer", func(t *testing.T) *sqlx.DB { return open(t, devtest.PgBouncer(t, devtest.Database(t)), false) })
}

func open(t *testing.T, url string, prepared bool) *sqlx.DB {
	t.Helper()
	return openPool(t, postgres.Options{URL: url, MaxConns: 8, Prepared: prepared})
}

func openPool(t *testing.T, o postgres.Options) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
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

func newUser(t *testing.T, db *sqlx.DB, email string) services.User {
	t.Helper()
	u := services.User{Email: email, Name: "User " + email, Role: services.Member, PasswordHash: "hash of " + email}
	id, err := repositories.NewUsers(db).Create(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	u.ID = id
	return u
}

// atOnce calls f n times, all released together, and returns what they returned.
func atOnce(n int, f func(i int) error) []error {
	errs, begin := make([]error, n), make(chan struct{})
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			<-begin
			errs[i] = f(i)
		})
	}
	close(begin)
	calls.Wait()
	return errs
}

// oneWins asks for exactly one success, and for the same refusal of all others.
func oneWins(t *testing.T, errs []error, refusal *problem.Error) {
	t.Helper()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case problem.CodeOf(err) != refusal.Code:
			t.Errorf("error %v, want %v", err, refusal)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d won, want 1", won, len(errs))
	}
}

func equal[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Error(what, fmt.Sprintf("are %v, want %v", got, want))
	}
}
