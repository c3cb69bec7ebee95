package migrate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/migrate"
)

func TestUp_SaysWhichProcessItWaitsForAndGivesUp(t *testing.T) {
	db := open(t, devtest.EmptyDatabase(t))
	up(t, db, both)
	o, log := options(both)
	if err := migrate.Down(t.Context(), db, o); err != nil {
		t.Fatal(err)
	}
	_, err := db.Exec(`UPDATE goose_lock SET locked = true, locked_by = 'web-7', locked_at = now(),
		lease_expires_at = now() + interval '1 hour'`)
	if err != nil {
		t.Fatal(err)
	}
	list(t, db, both) // which does not wait
	o.Timeout = 2 * time.Second
	err = migrate.Up(t.Context(), db, o)
	if err == nil || !strings.Contains(err.Error(), "gave up after 2s of waiting for the lock in the table goose_lock") ||
		!strings.Contains(err.Error(), "web-7") {
		t.Errorf("the error is %v", err)
	}
	if said := log.String(); strings.Count(said, "the migration waits for") != 1 || !strings.Contains(said, "web-7") {
		t.Errorf("logged: %s", said)
	}

	// A process that was killed delays others no longer than its lease.
	if _, err := db.Exec("UPDATE goose_lock SET lease_expires_at = now() + interval '1 second'"); err != nil {
		t.Fatal(err)
	}
	up(t, db, both)
}

func TestUp_SaysWhichSessionItWaitsForAndGivesUp(t *testing.T) {
	url := devtest.EmptyDatabase(t)
	db, other := open(t, url), open(t, url)
	o, log := options(files("00001_a.sql", first, "00002_wide.sql", "-- +goose Up\nALTER TABLE a ADD COLUMN m int;"))
	up(t, db, files("00001_a.sql", first))
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	var pid int
	if err := tx.QueryRow("SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("LOCK TABLE a"); err != nil {
		t.Fatal(err)
	}
	o.Timeout = 2 * time.Second
	err = migrate.Up(t.Context(), db, o)
	holder := fmt.Sprintf("a lock on a, which session %d of PostgreSQL holds", pid)
	if err == nil || !strings.Contains(err.Error(), "gave up after 2s of waiting for "+holder) {
		t.Errorf("the error is %v", err)
	}
	if said := log.String(); !strings.Contains(said, "the migration waits for "+holder) {
		t.Errorf("logged: %s", said)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := migrate.Up(t.Context(), db, o); err != nil {
		t.Errorf("once the lock is free: %v", err)
	}
}

// The work of a migration may take longer than it may wait.
func TestUp_TimeoutDoesNotBoundTheWork(t *testing.T) {
	db := open(t, devtest.EmptyDatabase(t))
	o, _ := options(files("00001_long.sql", "-- +goose Up\nSELECT pg_sleep(3);"))
	o.Timeout = time.Second
	if err := migrate.Up(t.Context(), db, o); err != nil {
		t.Error(err)
	}
}
