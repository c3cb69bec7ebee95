package writebehind_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services/problem"
)

func TestFlush_StoresFullBatchesOrderedByKey(t *testing.T) {
	s := newFixture(t)
	for _, key := range rand.Perm(250) {
		s.put(int64(key), int64(key))
	}
	s.flush()
	s.wantWaiting(0, 0)
	var sizes []int
	for _, batch := range s.batches {
		sizes = append(sizes, len(batch))
		if !slices.IsSortedFunc(batch, func(a, b write) int { return int(a.Key - b.Key) }) {
			t.Error("a batch is not ordered by its keys")
		}
	}
	if !slices.Equal(sizes, []int{100, 100, 50}) {
		t.Errorf("the batches were of %v", sizes)
	}
	if n := s.number("SELECT count(*) FROM kv WHERE value = key"); n != 250 {
		t.Errorf("%d of 250 are right", n)
	}
}

func TestFlush_KeepsNewerValueWrittenDuringIt(t *testing.T) {
	s := newFixture(t)
	s.put(1, 10)
	s.flushTo(s.storeThen(func() { s.invalidated = nil; s.put(1, 11); s.wantInvalidated(1) }))
	s.wantInvalidated(1) // again, before the stored one is removed
	s.wantStored(1, 10)
	s.wantWaiting(1, 0)
	s.flush()
	s.wantStored(1, 11)
	s.wantWaiting(0, 0)
}

func TestFlush_EndsThoughAKeyIsPutAllTheTime(t *testing.T) {
	s := newFixture(t, batchesOf(1))
	s.putAll(3, 1)
	value := int64(1)
	s.flushTo(func(ctx context.Context, batch []write) (rejected, error) {
		value++
		s.put(1, value)
		return s.store(ctx, batch)
	})
	if len(s.batches) > 4 {
		t.Errorf("%d batches", len(s.batches))
	}
	s.wantStored(3, 1)
	s.flush()
	s.wantStored(1, value)
}

// Four processes put and flush at once, some keys of their own and some of all.
func TestFlush_BesideOthersNeitherBlocksNorLosesAWrite(t *testing.T) {
	database, redisURL := newTable(t), devtest.Redis(t)
	var all sync.WaitGroup
	const rounds = 200
	for i := range int64(4) {
		s := newFixtureOn(t, database, redisURL, batchesOf(20))
		writing, done := context.WithCancel(t.Context())
		all.Go(func() {
			defer done()
			for value := range int64(rounds) {
				s.put(i+1, value)
				s.put(5+rand.Int64N(10), value)
			}
		})
		all.Go(func() {
			for writing.Err() == nil {
				s.flush()
			}
		})
	}
	all.Wait()
	s := newFixtureOn(t, database, redisURL)
	s.flush()
	s.wantWaiting(0, 0)
	for key := range int64(4) {
		s.wantStored(key+1, rounds-1)
	}
	if n := s.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

func TestFlush_AnOlderBatchThatComesLateChangesNothing(t *testing.T) {
	s := newFixture(t, batchesOf(1)) // full, but with nothing that another batch would find removed
	s.put(1, 10)
	s.flushTo(func(ctx context.Context, batch []write) (rejected, error) {
		s.put(1, 11)
		s.flush() // by another process
		return s.table.setAll(ctx, batch)
	})
	s.wantStored(1, 11)
	s.wantWaiting(0, 0)
	s.put(2, 20)
	s.flushTo(func(context.Context, []write) (rejected, error) { // another process is storing the first one
		return rejected{Stale: map[int64]int64{2: 0}}, nil
	})
	s.wantWaiting(1, 0)
}

// Otherwise it would be stored for something of the same key that is added later.
func TestFlush_DropsWhatIsGone(t *testing.T) {
	s := newFixture(t)
	s.put(1, 10)
	s.put(-2, 10)
	s.flush()
	s.wantStored(1, 10)
	s.wantWaiting(0, 0)
	s.wantLogged("their rows do not exist")
	s.wantMetrics(map[string]float64{"stored_total": 1, "gone_total": 1})
}

// Redis is full, and must be emptied: of writes stored, raised and dead-lettered.
func TestFlush_EmptiesARedisThatIsFull(t *testing.T) {
	server := devtest.OwnRedis(t)
	s := newFixtureOn(t, newTable(t), server.URL)
	s.putAll(9, 7)
	s.put(10, 13)
	s.refuse("13")
	s.table.MustExec("INSERT INTO kv VALUES (1, 99, $1)", inAnHour())
	s.client.ConfigSet(t.Context(), "maxmemory", "1")
	s.wantRefused(2, problem.ErrUnavailable)
	s.flush()
	s.flush()
	s.wantWaiting(0, 1)
	s.wantStored(1, 7)
	s.wantStored(9, 7)
}

// What was stored before the store went away is removed; the rest waits.
func TestFlush_WithoutTheStoreLosesNothing(t *testing.T) {
	s := newFixture(t)
	s.refuse("13")
	s.putAll(3, 10)
	s.put(4, 13)
	err := s.Flush(t.Context(), func(ctx context.Context, batch []write) (rejected, error) {
		if batch[0].Key == 3 { // the second half
			return rejected{}, problem.ErrUnavailable
		}
		return s.store(ctx, batch)
	})
	if !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	s.wantWaiting(2, 0)
	s.flush()
	s.wantWaiting(0, 1)
	s.wantStored(3, 10)
}

// PostgreSQL goes away during the statement, or after it, when nobody knows whether it has
// stored the batch.
func TestFlush_WhosePostgresGoesAwayIsRepeated(t *testing.T) {
	s := newFixture(t)
	s.putAll(3, 10)
	lock := s.table.MustBegin()
	lock.MustExec("LOCK TABLE kv")
	flushed := make(chan error, 1)
	go func() { flushed <- s.Flush(t.Context(), s.store) }()
	devtest.Eventually(t, "the flush fails", func() bool { // database/sql tries again
		s.number(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`)
		return len(flushed) > 0
	})
	if err := <-flushed; problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("got %v", err)
	}
	s.wantWaiting(3, 0)
	if err := lock.Rollback(); err != nil {
		t.Error(err)
	}
	err := s.Flush(t.Context(), func(ctx context.Context, batch []write) (rejected, error) {
		_, err := s.store(ctx, batch)
		return rejected{}, errors.Join(err, problem.ErrUnavailable)
	})
	if !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	s.wantStored(3, 10)
	s.wantWaiting(3, 0)
	s.flush()
	s.wantMetrics(map[string]float64{"pending": 0, "stored_total": 3, "raised_total": 0, "outdated_total": 0})
}

// What is stored leaves Redis though the time for the flush is over.
func TestFlush_RemovesWhatItHasStoredThoughItsContextEnds(t *testing.T) {
	s := newFixture(t)
	s.putAll(3, 10)
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Flush(ctx, s.storeThen(cancel)); err != nil {
		t.Error(err)
	}
	s.wantWaiting(0, 0)
}

func TestFlush_StoresTheLargestBatch(t *testing.T) {
	const n = 5000 // the setting's limit
	s := newFixture(t, batchesOf(n))
	_, err := s.client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for key := range n {
			p.HSet(t.Context(), prefix+"data", key, "1 7")
			p.ZAdd(t.Context(), prefix+"dirty", redis.Z{Score: 1, Member: key})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.flushTo(s.storeThen(func() { s.put(1700, 5) }))
	s.wantWaiting(1, 0)
	s.flush()
	if sum := s.number("SELECT sum(value) FROM kv"); len(s.batches) != 2 || sum != 7*(n-1)+5 {
		t.Errorf("%d batches; the sum is %d", len(s.batches), sum)
	}
}

func TestFlush_OneBadRowOfAThousandBlocksNoOther(t *testing.T) {
	s := newFixture(t, batchesOf(1000))
	s.refuse("13")
	s.putAll(1000, 7)
	s.put(400, 13)
	s.flush()
	s.wantWaiting(0, 1)
	if n := s.number("SELECT count(*) FROM kv WHERE value = 7"); n != 999 {
		t.Errorf("%d are stored, want 999", n)
	}
	if len(s.batches) > 30 {
		t.Errorf("it took %d statements to find it", len(s.batches))
	}
	if s.invalidated[len(s.invalidated)-1] != 400 {
		t.Error("the value that is not pending any more is not invalidated")
	}
	s.wantLogged("writes cannot be stored and become dead letters")
	s.wantLetter("400", " 13", "no_13")
}
