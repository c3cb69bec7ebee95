package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services/tracing"
)

// replicated is a primary with a table of notes, and what is read of its replica.
type replicated struct {
	t                *testing.T
	primary, replica *sqlx.DB
	follower         *devtest.Server
	read             *postgres.Replica

	mu  sync.Mutex
	log bytes.Buffer
}

func (r *replicated) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func (r *replicated) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

func newReplicated(t *testing.T) *replicated {
	t.Helper()
	server := devtest.OwnPostgres(t)
	r := &replicated{t: t, follower: devtest.Replica(t, server)}
	r.primary, r.replica = open(t, server.URL, true), open(t, r.follower.URL, true)
	r.read = postgres.NewReplica(r.replica, slog.New(slog.NewTextHandler(r, nil)))
	mustExec(t, r.primary, "CREATE TABLE notes (n int PRIMARY KEY)")
	mustExec(t, r.primary, "INSERT INTO notes SELECT generate_series(0, 999)")
	r.caughtUp()
	return r
}

func (r *replicated) caughtUp() {
	r.t.Helper()
	devtest.Eventually(r.t, "the replica is read", func() bool {
		notes, err := r.stream(r.t.Context(), readNotes)
		return err == nil && len(notes) == 1000 && notes[0].Replica
	})
}

// note is a row, and whether a replica has sent it.
type note struct {
	N       int
	Replica bool
}

const readNotes = `SELECT n, pg_is_in_recovery() AS replica FROM notes ORDER BY n`

func (r *replicated) stream(ctx context.Context, query string) (notes []note, err error) {
	for row, err := range postgres.StreamReplica[note](ctx, r.primary, r.read, "read notes", query) {
		if err != nil {
			return notes, err
		}
		notes = append(notes, row)
	}
	return notes, nil
}

// wantPrimary wants the notes from the primary, and the warning.
func (r *replicated) wantPrimary(ctx context.Context, warning string) {
	r.t.Helper()
	notes, err := r.stream(ctx, readNotes)
	if err != nil || len(notes) < 1000 || notes[0].Replica {
		r.t.Errorf("got %d notes, error %v", len(notes), err)
	}
	if !strings.Contains(r.logged(), warning) {
		r.t.Errorf("it does not warn of %q: %s", warning, r.logged())
	}
}

func TestStreamReplica_ReadsThePrimaryForOneWhoHasWritten(t *testing.T) {
	t.Parallel()
	r := newReplicated(t)
	r.wantPrimary(tracing.With(t.Context(), &tracing.Trace{Fresh: true}), "")
	r.caughtUp()
}

func TestStreamReplica_ReadsThePrimaryWhereTheReplicaLags(t *testing.T) {
	t.Parallel()
	r := newReplicated(t)
	mustExec(t, r.replica, "SELECT pg_wal_replay_pause()")
	mustExec(t, r.primary, "INSERT INTO notes VALUES (1000)")
	if notes, err := r.stream(t.Context(), readNotes); err != nil || len(notes) < 1000 || !notes[0].Replica {
		t.Errorf("a small lag is no reason: %d notes, %v", len(notes), err)
	}
	time.Sleep(10 * time.Second)
	r.wantPrimary(t.Context(), "s behind, and at most 10s")
}

func TestStreamReplica_ReadsThePrimaryWhereTheReplicaIsAway(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*devtest.Server){
		"stopped": (*devtest.Server).Stop,
		"frozen":  func(s *devtest.Server) { s.Signal(syscall.SIGSTOP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReplicated(t)
			lose(r.follower)
			r.wantPrimary(t.Context(), "in place of the replica")
			r.follower.Start()
			r.caughtUp()
		})
	}
}

func TestStreamReplica_AServerThatIsNoReplicaIsNotRead(t *testing.T) {
	t.Parallel()
	r := newReplicated(t)
	r.read = postgres.NewReplica(open(t, devtest.EmptyDatabase(t), true), slog.New(slog.NewTextHandler(r, nil)))
	r.wantPrimary(t.Context(), "in place of the replica")
}

func TestStreamReplica_AnErrorAfterTheFirstRowIsTheLast(t *testing.T) {
	t.Parallel()
	r := newReplicated(t)
	notes, err := r.stream(t.Context(), `SELECT n, (10 / (3 - n) > 100) OR pg_is_in_recovery() AS replica FROM notes ORDER BY n`)
	if err == nil || len(notes) != 3 || !notes[0].Replica {
		t.Errorf("got %v and the error %v", notes, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.stream(ctx, readNotes); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	if open := r.replica.Stats().InUse; open > 0 {
		t.Errorf("%d connections are in use", open)
	}
}
