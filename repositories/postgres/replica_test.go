package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services/tracing"
)

// note is a row, and whether a replica has sent it.
type note struct {
	N       int
	Replica bool
}

const readNotes = `SELECT n, pg_is_in_recovery() AS replica FROM notes ORDER BY n`

func TestStreamReplica(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	server := devtest.OwnPostgres(t)
	follower := devtest.Replica(t, server)
	primary, secondary := open(t, server.URL, true), open(t, follower.URL, true)
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	replica := postgres.NewReplica(secondary, logger)
	mustExec(t, primary, "CREATE TABLE notes (n int PRIMARY KEY)")
	mustExec(t, primary, "INSERT INTO notes SELECT generate_series(0, 999)")

	stream := func(ctx context.Context, query string) (notes []note, err error) {
		for row, err := range postgres.StreamReplica[note](ctx, primary, replica, "read notes", query) {
			if err != nil {
				return notes, err
			}
			notes = append(notes, row)
		}
		return notes, nil
	}
	caughtUp := func() {
		t.Helper()
		devtest.Eventually(t, "the replica is read", func() bool {
			notes, err := stream(t.Context(), readNotes)
			return err == nil && len(notes) >= 1000 && notes[0].Replica
		})
		log.Reset()
	}
	wantPrimary := func(ctx context.Context, why, warning string) {
		t.Helper()
		notes, err := stream(ctx, readNotes)
		if err != nil || len(notes) < 1000 || notes[0].Replica {
			t.Errorf("%s: %d notes, error %v", why, len(notes), err)
		}
		if !strings.Contains(log.String(), warning) {
			t.Errorf("%s: it does not warn of %q: %s", why, warning, &log)
		}
	}

	caughtUp()
	wantPrimary(tracing.With(t.Context(), &tracing.Trace{Fresh: true}), "has just written", "")

	notes, err := stream(t.Context(), `SELECT n, (10 / (3 - n) > 100) OR pg_is_in_recovery() AS replica FROM notes ORDER BY n`)
	if err == nil || len(notes) != 3 || !notes[0].Replica {
		t.Errorf("an error after the first row is the last thing: %v, %v", notes, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := stream(ended, readNotes); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	if open := secondary.Stats().InUse; open > 0 {
		t.Errorf("%d connections are in use", open)
	}

	mustExec(t, secondary, "SELECT pg_wal_replay_pause()")
	mustExec(t, primary, "INSERT INTO notes VALUES (1000)")
	replica.SetMaxLag(time.Hour)
	if notes, err := stream(t.Context(), readNotes); err != nil || len(notes) < 1000 || !notes[0].Replica {
		t.Errorf("a small lag is no reason: %d notes, %v", len(notes), err)
	}
	replica.SetMaxLag(time.Microsecond)
	devtest.Eventually(t, "the replica has received more than it has replayed", func() bool {
		notes, err := stream(t.Context(), readNotes)
		return err == nil && len(notes) == 1001 && !notes[0].Replica
	})
	wantPrimary(t.Context(), "lags", "s behind, and at most 1µs")
	mustExec(t, secondary, "SELECT pg_wal_replay_resume()")
	replica.SetMaxLag(time.Hour)

	for why, lose := range map[string]func(){
		"is stopped": follower.Stop,
		"is frozen":  func() { follower.Signal(syscall.SIGSTOP) },
	} {
		caughtUp()
		lose()
		wantPrimary(t.Context(), why, "in place of the replica")
		follower.Start()
	}
	caughtUp()
	replica = postgres.NewReplica(open(t, devtest.EmptyDatabase(t), true), logger)
	wantPrimary(t.Context(), "is no replica", "in place of the replica")
}
