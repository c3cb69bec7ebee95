package cache_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services/transaction"
)

// transact runs do in a transaction of the row's database.
func (s *source) transact(ctx context.Context, do func(ctx context.Context) error) error {
	return postgres.Transactions(s.db, sql.LevelDefault)(ctx, do)
}

// update sets the row, in the transaction of ctx.
func (s *source) update(value int64) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := postgres.From(ctx, s.db).ExecContext(ctx, "UPDATE truth SET value = $1", value)
		return err
	}
}

// read is a load that takes part in transactions.
func (s *source) read(ctx context.Context) (value int64, err error) {
	err = postgres.From(ctx, s.db).GetContext(ctx, &value, "SELECT value FROM truth")
	return value, err
}

var errUndo = errors.New("undo")

// Until the commit all others read the old value and cache nothing. The transaction itself
// reads what it has written. After it, and after a rollback, all is cached again.
func TestTransaction_EndsItsWritesWhenItEnds(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		s := newRow(t, devtest.Database(t))
		writer, other := newNode(t, url), newNode(t, url)
		for _, c := range []struct {
			value, after int64
			err          error
		}{{1, 1, nil}, {2, 1, errUndo}, {3, 3, nil}} {
			before, _ := s.load(t.Context())
			writer.gives(t, s, before)
			other.gives(t, s, before)
			err := s.transact(t.Context(), func(ctx context.Context) error {
				if err := writer.cache.Write(ctx, tags, s.update(c.value)); err != nil {
					return err
				}
				if got, err := writer.get(ctx, s.read); got != c.value || err != nil {
					t.Errorf("the transaction reads %d, %v; want %d", got, err, c.value)
				}
				if _, from, store := writer.numbers.Find(ctx, "key", tags); from != "" {
					t.Error("the transaction finds a cached value")
				} else {
					store(c.value, time.Minute)
				}
				devtest.Eventually(t, "the other process has heard of it", func() bool { _, held := other.held(t.Context(), false); return !held })
				for _, n := range []*node{writer, other} {
					n.gives(t, s, before)
					n.holdsNothing(t)
				}
				return c.err
			})
			if !errors.Is(err, c.err) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			writer.gives(t, s, c.after)
			other.gives(t, s, c.after)
			if _, held := other.held(t.Context(), true); !held {
				t.Error("nothing is cached after the transaction")
			}
		}
	})
}

// That the id does not exist is cached again by who looks before the commit, were the
// invalidation sent at once.
func TestTransaction_InvalidatesAfterTheCommit(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		s := newRow(t, devtest.Database(t))
		writer, other := newNode(t, url), newNode(t, url)
		err := s.transact(t.Context(), func(ctx context.Context) error {
			if err := errors.Join(s.update(1)(ctx), writer.cache.Invalidate(ctx, tags...)); err != nil {
				return err
			}
			other.gives(t, s, 0)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		other.gives(t, s, 1)
	})
}

// The tombstones stay while the transaction may still commit.
func TestTransaction_ProtectsUntilItsDeadlineIfTheOutcomeIsUnknown(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n := newNode(t, url)
		deadline := time.Now().Add(time.Minute)
		for outcome, stays := range map[transaction.Outcome]bool{
			transaction.Committed: false, transaction.RolledBack: false, transaction.Unknown: true,
		} {
			ctx, running := transaction.Begin(t.Context(), deadline)
			short, cancel := context.WithTimeout(ctx, time.Second) // of a call inside it
			if err := n.cache.Write(short, tags[:1], func(context.Context) error { return errUndo }); !errors.Is(err, errUndo) {
				t.Errorf("error %v", err)
			}
			cancel()
			if writer, _ := n.tombstoneEnds(t, tags[0]); writer.Before(deadline) {
				t.Errorf("the tombstone ends at %v, before the transaction", writer)
			}
			running.End(outcome)
			if left := n.tombstone(t, tags[0]); (left != "") != stays {
				t.Errorf("outcome %v: the tombstone is %q", outcome, left)
			}
			n.client.Del(t.Context(), n.cache.GenerationKey(tags[0]))
		}
	})
}

// A caller who leaves between the commit and the invalidation leaves nothing stale.
func TestTransaction_CancelledAfterTheCommitLeavesNothingStale(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		database := devtest.Database(t)
		s := newRow(t, database)
		writer, readers := crew(t, url, s)
		ctx, cancel := context.WithCancel(t.Context())
		committing := &source{db: observed(t, database, func(e querylog.Event) {
			if e.Name == "commit" {
				cancel()
			}
		})}
		err := committing.transact(ctx, func(ctx context.Context) error {
			return writer.cache.Write(ctx, tags, committing.update(1))
		})
		if err != nil || ctx.Err() == nil {
			t.Fatalf("error %v; cancelled: %v", err, ctx.Err())
		}
		writer.gives(t, s, 1)
		if left := writer.tombstone(t, tags[0]); left != "" {
			t.Errorf("the tombstone %q is left", left)
		}
		for _, n := range readers {
			n.soonGives(t, s, 1)
		}
		cachedAgain(t, s, readers, 1)
	})
}

func observed(t *testing.T, database string, observe func(querylog.Event)) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(postgres.Options{
		URL: database, MaxConns: 2, Prepared: true, Observe: func(_ context.Context, e querylog.Event) { observe(e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestTransaction_KilledAfterTheCommitLeavesNothingStale(t *testing.T) {
	takesSeconds(t)
	url, database := ownRedis(t), devtest.Database(t)
	s := newRow(t, database)
	_, readers := crew(t, url, s)
	startDoomed(t, url, database+doomedInTransaction)()
	for _, n := range readers {
		n.soonGives(t, s, 1)
		if _, held := n.held(t.Context(), true); held {
			t.Error("Redis has a value while the transaction may not be over")
		}
	}
	cachedAgain(t, s, readers, 1)
}

// Three processes read a row all the time while one of them, in turn, writes it in a
// transaction with a second write, and every third one rolls back.
func TestTransactionRace_LeavesNothingStale(t *testing.T) {
	takesSeconds(t)
	url, s := ownRedis(t), newRow(t, devtest.Database(t))
	nodes := []*node{newNode(t, url), newNode(t, url), newNode(t, url)}
	stored := int64(0)
	for round := range int64(60) {
		reading, stop := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		for i := range 12 {
			readers.Go(func() {
				for reading.Err() == nil {
					_, _ = nodes[i%3].get(context.WithoutCancel(reading), s.load)
					time.Sleep(100 * time.Microsecond)
				}
			})
		}
		c, end := nodes[round%3].cache, error(nil)
		if round%3 == 2 {
			end = errUndo
		}
		err := s.transact(t.Context(), func(ctx context.Context) error {
			for _, tag := range tags {
				if err := c.Write(ctx, []string{tag}, s.update(round+1)); err != nil {
					return err
				}
				time.Sleep(3 * time.Millisecond)
			}
			return end
		})
		if !errors.Is(err, end) {
			t.Fatal(err)
		}
		stop()
		readers.Wait()
		if end == nil {
			stored = round + 1
		}
		for _, n := range nodes {
			devtest.Eventually(t, "the stored value only", func() bool { return n.holdsOnly(t.Context(), stored) })
			n.gives(t, s, stored)
		}
	}
}

// Without Redis the store tells other processes, by a connection of its own.
func TestTransaction_WithoutRedisIsRecorded(t *testing.T) {
	t.Parallel()
	var recorded []time.Duration
	n := newNode(t, devtest.Redis(t), func(o *cache.Options) {
		o.Record = func(_ context.Context, _ []string, lasts time.Duration) error {
			recorded = append(recorded, lasts)
			return nil
		}
	})
	n.valve.shut(refuse)
	ctx, running := transaction.Begin(t.Context(), time.Now().Add(time.Minute))
	if err := n.cache.Write(ctx, tags, func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
	running.End(transaction.Committed)
	if len(recorded) != 1 || recorded[0] < time.Minute {
		t.Errorf("recorded for %v", recorded)
	}
}
