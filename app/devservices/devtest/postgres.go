package devtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver

	"example.com/prefab/app/devservices"
	"example.com/prefab/repositories/migrate"
)

// postgres is the server that the tests of one binary share. Its first database
// is migrated once, and copied for each test.
type postgres struct {
	services *devservices.Services
	admin    *sql.DB
	copies   atomic.Int64
}

// Database returns the URL of a database of the test's own, to which the migrations
// of [Main] were applied. It is dropped at the end of the test, with its connections.
func Database(t testing.TB) string {
	t.Helper()
	return database(t, "prefab")
}

// EmptyDatabase is [Database] without the migrations.
func EmptyDatabase(t testing.TB) string {
	t.Helper()
	return database(t, "template0")
}

func database(t testing.TB, template string) string {
	t.Helper()
	pg, err := sharedPostgres()
	if err != nil {
		t.Fatalf("start a PostgreSQL for tests: %v", err)
	}
	name := fmt.Sprintf("test_%d", pg.copies.Add(1))
	if _, err := pg.admin.ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatalf("make a database for the test: %v", err)
	}
	t.Cleanup(func() {
		if _, err := pg.admin.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return withDatabase(pg.services.DatabaseURL, name)
}

var sharedPostgres = sync.OnceValues(func() (*postgres, error) {
	services, err := start("postgres", devservices.Options{NeedPostgres: true})
	if err != nil {
		return nil, err
	}
	if err := applyMigrations(services.DatabaseURL); err != nil {
		return nil, err
	}
	admin, err := sql.Open("postgres", withDatabase(services.DatabaseURL, "postgres"))
	if err != nil {
		return nil, err
	}
	admin.SetMaxOpenConns(4)
	return &postgres{services: services, admin: admin}, nil
})

// applyMigrations leaves no connection open: PostgreSQL does not copy a database that has one.
func applyMigrations(url string) error {
	if shared.migrations == nil {
		return nil
	}
	db, err := sql.Open("postgres", url)
	if err != nil {
		return err
	}
	o := migrate.Options{Files: shared.migrations, Timeout: time.Minute, Log: slog.New(slog.DiscardHandler)}
	return errors.Join(migrate.Up(context.Background(), db, o), db.Close())
}

func withDatabase(url, name string) string { return strings.Replace(url, "/prefab?", "/"+name+"?", 1) }
