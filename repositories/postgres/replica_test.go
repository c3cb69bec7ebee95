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

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/postgres"
)

// followed is a primary and what is read of its replica.
type followed struct {
	t        *testing.T
	primary  *sqlx.DB
	replica  *sqlx.DB
	follower *devtest.Server
	read     *postgres.Replica

	mu  sync.Mutex
	log bytes.Buffer
}

func (f *followed) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Write(p)
}

func (f *followed) logged() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.String()
}

func newFollowed(t *testing.T) *followed {
	t.Helper()
	server := devtest.OwnPostgres(t)
	f := &followed{t: t, follower: devtest.Replica(t, server)}
	f.primary, f.replica = open(t, server.URL, true), open(t, f.follower.URL, true)
	f.read = postgres.NewReplica(f.replica, slog.New(slog.NewTextHandler(f, nil)))
	f.exec("CREATE TABLE notes (n int PRIMARY KEY)")
	return f
}

func (f *followed) exec(statement string, args ...any) {
	f.t.Helper()
	if _, err := f.primary.ExecContext(f.t.Context(), statement, args...); err != nil {
		f.t.Fatal(err)
	}
}

// note is a row, and whether a replica has given it.
type note struct {
	N       int
	Replica bool
}

const readNotes = `SELECT n, pg_is_in_recovery() AS replica FROM notes ORDER BY n`

func (f *followed) stream(ctx context.Context, query string) (notes []note, err error) {
	for row, err := range postgres.StreamReplica[note](ctx, f.primary, f.read, "read notes", query) {
		if err != nil {
			return notes, err
		}
		notes = append(notes, row)
	}
	return notes, nil
}

// wantNotes wants the notes up to n, all from the one or from the other.
func (f *followed) wantNotes(n int, replica bool) {
	f.t.Helper()
	notes, err := f.stream(f.t.Context(), readNotes)
	if err != nil || len(notes) != n {
		f.t.Fatalf("got %d notes of %d, error %v", len(notes), n, err)
	}
	for _, note := range notes {
		if note.Replica != replica {
			f.t.Fatalf("from the replica: %t, want %t\n%s", note.Replica, replica, f.logged())
		}
	}
}

// rested waits until a replica that has failed is asked again.
func (f *followed) rested() {
	f.t.Helper()
	eventually(f.t, "the replica is read again", func() bool {
		notes, err := f.stream(f.t.Context(), readNotes)
		return err == nil && len(notes) > 0 && notes[0].Replica
	})
}

func TestStreamReplica_SeesEveryWriteBeforeIt(t *testing.T) {
	t.Parallel()
	f := newFollowed(t)
	for n := range 30 { // with a replica that is behind at each
		f.exec("INSERT INTO notes VALUES ($1)", n)
		f.wantNotes(n+1, true)
	}
	f.exec("DELETE FROM notes")
	if notes, err := f.stream(t.Context(), readNotes); err != nil || len(notes) > 0 {
		t.Errorf("of nothing it gives %v, %v", notes, err)
	}
	if f.logged() != "" {
		t.Errorf("it has logged %s", f.logged())
	}
}

func TestStreamReplica_ReadsThePrimaryWhereTheReplicaIsBehind(t *testing.T) {
	t.Parallel()
	f := newFollowed(t)
	f.exec("INSERT INTO notes VALUES (1)")
	f.wantNotes(1, true)
	replay := func(do string) {
		if _, err := f.replica.ExecContext(t.Context(), "SELECT "+do); err != nil {
			t.Fatal(err)
		}
	}
	replay("pg_wal_replay_pause()")
	f.exec("INSERT INTO notes VALUES (2)")
	f.wantNotes(2, false)
	f.wantNotes(2, false) // and asks no more for a moment
	if n := strings.Count(f.logged(), "level=WARN"); n != 1 || !strings.Contains(f.logged(), "not caught up") {
		t.Errorf("it has warned %d times:\n%s", n, f.logged())
	}
	replay("pg_wal_replay_resume()")
	f.rested()
	f.wantNotes(2, true)
	if !strings.Contains(f.logged(), "read again") {
		t.Errorf("it has not told of the return:\n%s", f.logged())
	}
}

// The log then ends behind a page's header, which no replica replays.
func TestStreamReplica_ReadsItAfterASwitchOfTheLogToo(t *testing.T) {
	t.Parallel()
	f := newFollowed(t)
	f.exec("INSERT INTO notes VALUES (1)")
	for range 3 {
		f.exec("SELECT pg_switch_wal()")
		f.wantNotes(1, true)
	}
}

func TestStreamReplica_ReadsThePrimaryWhereTheReplicaIsAway(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*devtest.Server){
		"stopped": (*devtest.Server).Stop,
		"frozen":  func(s *devtest.Server) { s.Signal(syscall.SIGSTOP) },
		"killed":  func(s *devtest.Server) { s.Signal(syscall.SIGKILL) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFollowed(t)
			f.exec("INSERT INTO notes VALUES (1)")
			f.wantNotes(1, true)
			lose(f.follower)
			for range 3 {
				f.wantNotes(1, false)
			}
			f.follower.Start()
			f.rested()
		})
	}
}

func TestStreamReplica_DoesNotTakeAnotherServerForOne(t *testing.T) {
	t.Parallel()
	f := newFollowed(t)
	f.exec("INSERT INTO notes VALUES (1)")
	stranger := devtest.OwnPostgres(t)
	for name, url := range map[string]string{
		"another primary": stranger.URL, "the replica of another": devtest.Replica(t, stranger).URL,
	} {
		f.read = postgres.NewReplica(open(t, url, true), slog.New(slog.NewTextHandler(f, nil)))
		f.wantNotes(1, false)
		if !strings.Contains(f.logged(), "does not follow") {
			t.Errorf("%s: it has logged %s", name, f.logged())
		}
	}
}

func TestStreamReplica_AnErrorAfterTheFirstRowIsTheLastThingGiven(t *testing.T) {
	t.Parallel()
	f := newFollowed(t)
	f.exec("INSERT INTO notes SELECT n FROM generate_series(0, 4) n")
	notes, err := f.stream(t.Context(), `SELECT n, (10 / (3 - n) > 100) OR pg_is_in_recovery() AS replica FROM notes ORDER BY n`)
	if err == nil || len(notes) != 3 || !notes[0].Replica {
		t.Errorf("got %v and the error %v", notes, err)
	}
}

func TestStreamReplica_AReaderWhoLeavesIsNoFault(t *testing.T) {
	t.Parallel()
	f := newFollowed(t)
	f.exec("INSERT INTO notes SELECT n FROM generate_series(1, 100000) n")
	for row, err := range postgres.StreamReplica[note](t.Context(), f.primary, f.read, "read notes", readNotes) {
		if err != nil || !row.Replica {
			t.Fatalf("got %+v, %v", row, err)
		}
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.stream(ctx, readNotes); !errors.Is(err, context.Canceled) {
		t.Errorf("of a reader who has gone it says %v", err)
	}
	f.wantNotes(100000, true)
	if open := f.replica.Stats().InUse; open > 0 || f.logged() != "" {
		t.Errorf("%d connections are held; it has logged %s", open, f.logged())
	}
}
