package repositories_test

import (
	"context"
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

// ways are those to reach PostgreSQL. Each has one database for all tests of the run.
var ways = []struct {
	name string
	pool func(t *testing.T) *sqlx.DB
}{
	{"prepared", onceForAll(func(t testing.TB) postgres.Options {
		return postgres.Options{URL: devtest.Database(t), Prepared: true}
	})},
	{"unprepared", onceForAll(func(t testing.TB) postgres.Options { return postgres.Options{URL: devtest.Database(t)} })},
	{"pgbouncer", onceForAll(func(t testing.TB) postgres.Options {
		return postgres.Options{URL: devtest.PgBouncer(t, devtest.Database(t))}
	})},
}

func onceForAll(options func(t testing.TB) postgres.Options) func(t *testing.T) *sqlx.DB {
	var db *sqlx.DB
	return func(t *testing.T) *sqlx.DB {
		t.Helper()
		if db == nil {
			o := options(wholeRun{t})
			o.MaxConns = 8
			db = openPool(wholeRun{t}, o)
		}
		return db
	}
}

// wholeRun stands for the run of all tests, at whose end devtest stops what it started.
type wholeRun struct{ testing.TB }

func (wholeRun) Cleanup(func())           {}
func (wholeRun) Context() context.Context { return context.Background() }

// everyWay runs a test once for each way to reach PostgreSQL, on empty tables. A test that
// calls it must not be parallel to another: the databases are shared.
func everyWay(t *testing.T, test func(t *testing.T, db *sqlx.DB)) {
	t.Helper()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			db := way.pool(t)
			mustExec(t, db, emptyTables)
			test(t, db)
		})
	}
}

const emptyTables = `DO $$ BEGIN EXECUTE (
	SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
	FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'goose_db_version'
); END $$`

func open(t *testing.T, url string, prepared bool) *sqlx.DB {
	t.Helper()
	return openPool(t, postgres.Options{URL: url, MaxConns: 8, Prepared: prepared})
}

func openPool(t testing.TB, o postgres.Options) *sqlx.DB {
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

func newUser(t *testing.T, db *sqlx.DB, email string) services.User {
	t.Helper()
	u := services.User{Email: email, Name: "User " + email, Role: services.Member, PasswordHash: "hash of " + email}
	u, err := repositories.NewUsers(db).Create(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
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
