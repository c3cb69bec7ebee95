package devtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lib/pq"

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
	pg, err := shared.postgres(t.Context())
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

func (h *harness) postgres(ctx context.Context) (*postgres, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pg != nil {
		return h.pg, nil
	}
	s, err := h.start(ctx, "postgres", devservices.Options{NeedPostgres: true})
	if err != nil {
		return nil, err
	}
	if err := h.migrate(ctx, s.DatabaseURL); err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	admin, err := sql.Open("postgres", withDatabase(s.DatabaseURL, "postgres"))
	if err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	admin.SetMaxOpenConns(4)
	h.pg = &postgres{services: s, admin: admin}
	return h.pg, nil
}

// migrate leaves no connection open: PostgreSQL does not copy a database that has one.
func (h *harness) migrate(ctx context.Context, url string) error {
	if h.migrations == nil {
		return nil
	}
	connector, err := pq.NewConnector(url)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	o := migrate.Options{Files: h.migrations, Timeout: time.Minute, Log: slog.New(slog.DiscardHandler)}
	return errors.Join(migrate.Up(ctx, db, o), db.Close())
}

func withDatabase(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err) // devservices made it
	}
	u.Path = "/" + name
	return u.String()
}
