//go:build unix

package devtest_test

import (
	"context"
	"database/sql"
	"os"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
)

var migrations = fstest.MapFS{
	"00001_notes.sql": {Data: []byte("-- +goose Up\nCREATE TABLE notes (name text);")},
}

// elsewhere are variables that could lead a test to the user's own servers.
var elsewhere = []string{"DATABASE_URL", "DATABASE_REPLICA_URL", "REDIS_URL", "PGHOST", "PGSERVICE"}

func TestMain(m *testing.M) {
	for _, name := range elsewhere {
		_ = os.Setenv(name, "the user's own")
	}
	devtest.Main(m, migrations)
}

func openDB(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openRedis(t *testing.T, url string) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	o.MaxRetries = -1
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDatabase_CopiesAreMigratedAndIsolated(t *testing.T) {
	for range 4 {
		t.Run("copy", func(t *testing.T) {
			t.Parallel()
			db := openDB(t, devtest.Database(t))
			if _, err := db.Exec("INSERT INTO notes (name) VALUES ('only here')"); err != nil {
				t.Fatal(err)
			}
			if n := count(t, db, "SELECT count(*) FROM notes"); n != 1 {
				t.Errorf("the copy has %d rows", n)
			}
		})
	}
	empty := openDB(t, devtest.EmptyDatabase(t))
	if n := count(t, empty, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"); n != 0 {
		t.Errorf("the empty one has %d tables", n)
	}
}

func TestRedis_DatabasesAreIsolatedAndStartEmpty(t *testing.T) {
	var last string
	t.Run("fill", func(t *testing.T) {
		last = devtest.Redis(t)
		one, other := openRedis(t, last), openRedis(t, devtest.Redis(t))
		if err := one.Set(t.Context(), "k", "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if n := other.Exists(t.Context(), "k").Val(); n != 0 {
			t.Error("the other database has the key")
		}
	})
	if n := openRedis(t, last).DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys are left after the test", n)
	}
}

func TestOwnPostgres_StopsFreezesCrashesAndComesBackWithItsData(t *testing.T) {
	server := devtest.OwnPostgres(t)
	db := openDB(t, server.URL)
	if _, err := db.Exec("INSERT INTO notes (name) VALUES ('kept')"); err != nil {
		t.Fatal(err)
	}

	server.Stop()
	if err := db.Ping(); err == nil {
		t.Error("a stopped server answers")
	}
	server.Start()

	server.Signal(syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	frozen := make(chan error, 1)
	stranger := openDB(t, server.URL) // without a pooled connection
	go func() { _, err := stranger.ExecContext(ctx, "SELECT 1"); frozen <- err }()
	<-ctx.Done()
	select {
	case err := <-frozen:
		if err == nil {
			t.Error("a frozen server answers")
		}
	default: // still waiting, as for a frozen one
	}
	server.Signal(syscall.SIGCONT)

	server.Signal(syscall.SIGKILL)
	server.Start()
	if n := count(t, openDB(t, server.URL), "SELECT count(*) FROM notes"); n != 1 {
		t.Errorf("%d rows, want the one that was written", n)
	}
}

func TestOwnRedis_CrashesAndComesBackWithItsData(t *testing.T) {
	server := devtest.OwnRedis(t)
	client := openRedis(t, server.URL)
	if err := client.Set(t.Context(), "k", "kept", 0).Err(); err != nil {
		t.Fatal(err)
	}
	server.Signal(syscall.SIGKILL)
	server.Start()
	if got := client.Get(t.Context(), "k").Val(); got != "kept" {
		t.Errorf("got %q", got)
	}
	server.Signal(syscall.SIGSTOP) // the end of the test must not hang on it
}

func TestMain_ForgetsTheUsersOwnServers(t *testing.T) {
	_ = devtest.Database(t)
	for _, name := range elsewhere {
		if value, ok := os.LookupEnv(name); ok {
			t.Errorf("%s is %q", name, value)
		}
	}
}
