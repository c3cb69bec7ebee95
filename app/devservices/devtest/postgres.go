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
	"example.com/prefab/repositories/migrations"
)

// postgres is the server that the tests of one binary share. Its first database
// is migrated once and then only copied.
type postgres struct {
	services *devservices.Services
	admin    *sql.DB
	copies   atomic.Int64
}

// Database returns the URL of a database of the test's own, migrated and empty.
// It is dropped at the end of the test, connections or not.
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
	if err := migrate(ctx, s.DatabaseURL); err != nil {
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

// migrate leaves no connection behind: one to a template forbids copying it.
func migrate(ctx context.Context, url string) error {
	connector, err := pq.NewConnector(url)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	o := migrations.Options{Patience: time.Minute, Log: slog.New(slog.DiscardHandler)}
	if err := migrations.Up(ctx, db, o); err != nil {
		_ = db.Close()
		return err
	}
	return db.Close()
}

func withDatabase(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err) // devservices made it
	}
	u.Path = "/" + name
	return u.String()
}
