package writebehind_test

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/locks"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/writes"
)

func TestFlush_StoresInFullBatchesOrderedByKey(t *testing.T) {
	s := newShelf(t, 250)
	for _, key := range rand.Perm(250) {
		s.put(int64(key+1), int64(key))
	}
	s.flush()
	s.waits(0, 0)
	var sizes []int
	for _, batch := range s.batches {
		sizes = append(sizes, len(batch))
		if !slices.IsSortedFunc(batch, func(a, b services.StockWrite) int { return cmp.Compare(a.Key, b.Key) }) {
			t.Error("a batch is not ordered by its keys")
		}
	}
	if !slices.Equal(sizes, []int{100, 100, 50}) {
		t.Errorf("the batches were of %v", sizes)
	}
	if n := s.number("SELECT count(*) FROM stock WHERE quantity = product_id - 1"); n != 250 {
		t.Errorf("%d of 250 are right", n)
	}
}

func TestFlush_KeepsNewerValueWrittenDuringIt(t *testing.T) {
	s := newShelf(t, 1)
	s.put(1, 10)
	s.BetweenStoreAndSettling(func() { s.put(1, 11) })
	s.flush()
	s.stored(1, 10)
	s.waits(1, 0)
	s.flush()
	s.stored(1, 11)
	s.waits(0, 0)
}

func TestFlush_ForgettingVersionsLosesWhatWasWrittenDuringIt(t *testing.T) {
	s := newShelf(t, 1)
	s.ForgetVersions()
	s.put(1, 10)
	during := func(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
		defer s.put(1, 11)
		return s.store(ctx, batch)
	}
	if err := s.Flush(t.Context(), during); err != nil {
		t.Error(err)
	}
	s.waits(0, 0) // the test above would have noticed
	s.stored(1, 10)
}

func TestFlush_EndsThoughAKeyIsPutAllTheTime(t *testing.T) {
	s := newShelf(t, 300, batchesOf(1))
	for key := range int64(3) {
		s.put(key+1, 1)
	}
	value := int64(1)
	busy := func(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
		value++
		s.put(1, value)
		return s.store(ctx, batch)
	}
	if err := s.Flush(t.Context(), busy); err != nil {
		t.Error(err)
	}
	if len(s.batches) > 4 {
		t.Errorf("%d batches", len(s.batches))
	}
	s.stored(3, 1)
	s.flush()
	s.stored(1, value)
}

func TestFlush_WithoutTheStoreLosesNothing(t *testing.T) {
	postgres := devtest.OwnPostgres(t)
	s := newShelfOn(t, newCatalogue(t, postgres.URL, 500), devtest.Redis(t))
	postgres.Stop()
	for key := range int64(500) {
		s.put(key+1, key)
	}
	if err := s.Flush(t.Context(), s.store); problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("without PostgreSQL: %v", err)
	}
	s.waits(500, 0)
	postgres.Start()
	eventually(t, "it is stored", func() bool { return s.Flush(t.Context(), s.store) == nil })
	s.waits(0, 0)
	if n := s.number("SELECT count(*) FROM stock WHERE quantity = product_id - 1"); n != 500 {
		t.Errorf("%d of 500 are right", n)
	}
}

// It is not known whether the first try was committed; the second must not mind.
func TestFlush_TakesABatchTwice(t *testing.T) {
	s := newShelf(t, 2)
	s.put(1, 10)
	s.put(2, 20)
	lost := func(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
		if _, err := s.store(ctx, batch); err != nil {
			t.Error(err)
		}
		return writes.Refused[int64]{}, problem.ErrUnavailable
	}
	if err := s.Flush(t.Context(), lost); err == nil {
		t.Error("no error")
	}
	s.waits(2, 0)
	s.flush()
	s.waits(0, 0)
	s.stored(1, 10)
}

// Four processes put and flush at once, some keys of their own and some of all.
func TestFlush_BesideOthersNeitherBlocksNorLosesAWrite(t *testing.T) {
	database, redisURL := newCatalogue(t, devtest.Database(t), 50), devtest.Redis(t)
	var all sync.WaitGroup
	const rounds = 300
	for i := range int64(4) {
		s := newShelfOn(t, database, redisURL, batchesOf(20))
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
	s := newShelfOn(t, database, redisURL)
	s.flush()
	s.waits(0, 0)
	for key := range int64(4) {
		s.stored(key+1, rounds-1)
	}
	if n := s.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

// An older batch that comes late changes nothing.
func TestFlush_OvertakenByANewerValueLeavesIt(t *testing.T) {
	s := newShelf(t, 1)
	s.put(1, 10)
	slow := func(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
		s.put(1, 11)
		s.flush() // another process's
		return s.table.SetAll(ctx, batch)
	}
	if err := s.Flush(t.Context(), slow); err != nil {
		t.Error(err)
	}
	s.stored(1, 11)
	s.waits(0, 0)
}

// Whether Redis' clock went back, its data was lost, or somebody else has written.
func TestFlush_LandsThoughTheStoresVersionIsAhead(t *testing.T) {
	s := newShelf(t, 2)
	s.put(1, 10)
	s.flush()
	ahead := time.Now().Add(24 * time.Hour).UnixMicro()
	s.exec("UPDATE stock SET version = $1", ahead)
	if err := s.client.(*redis.Client).FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for value := int64(11); value < 14; value++ {
		s.put(1, value)
		s.put(2, value)
		s.flush()
		s.flush()
		s.stored(1, value)
		s.stored(2, value)
		s.waits(0, 0)
	}
	if got := s.number("SELECT version FROM stock WHERE product_id = 1"); got <= ahead {
		t.Errorf("the version is %d, want one above %d", got, ahead)
	}
}

func TestFlush_LandsAKeyThatIsPutAllTheTimeThoughTheStoresVersionIsAhead(t *testing.T) {
	s := newShelf(t, 1)
	s.put(1, 10)
	s.flush()
	s.exec("UPDATE stock SET version = $1", time.Now().Add(time.Hour).UnixMicro())
	value := int64(10)
	busy := func(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
		refused, err := s.store(ctx, batch)
		value++
		s.put(1, value)
		return refused, err
	}
	s.put(1, value)
	for range 3 {
		if err := s.Flush(t.Context(), busy); err != nil {
			t.Error(err)
		}
	}
	if got := s.number("SELECT quantity FROM stock"); got <= 10 {
		t.Errorf("%d is stored after %d", got, value)
	}
}

// Another process is just storing the product's first quantity.
func TestFlush_BesideAFirstRowTakesNothingForGone(t *testing.T) {
	s := newShelf(t, 1)
	s.put(1, 10)
	tx := s.db.MustBegin()
	tx.MustExec("INSERT INTO stock VALUES (1, 99, $1)", time.Now().Add(time.Hour).UnixMicro())
	flushed := make(chan error)
	go func() { flushed <- s.Flush(t.Context(), s.store) }()
	eventually(t, "the flush waits for the row", func() bool {
		return s.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") > 0
	})
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	if err := <-flushed; err != nil {
		t.Error(err)
	}
	s.waits(1, 0)
	s.flush()
	s.flush()
	s.stored(1, 10)
}

// A full Redis must be emptied by what fills it: rows stored, raised and buried.
func TestFlush_DrainsARedisThatIsFull(t *testing.T) {
	server := devtest.OwnRedis(t)
	s := newShelfOn(t, newCatalogue(t, devtest.Database(t), 100), server.URL)
	for key := range int64(100) {
		s.put(key+1, key)
	}
	s.exec(refuse13)
	s.exec("INSERT INTO stock VALUES (1, 99, $1)", time.Now().Add(time.Hour).UnixMicro())
	if err := s.client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), 2, 1); problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("a put: %v", err)
	}
	leases := locks.New(s.client, "prefab:test:job:", time.Minute)
	for range 2 {
		ran, err := leases.Run(t.Context(), "flush", time.Time{}, func(ctx context.Context) error {
			return s.Flush(ctx, s.store)
		})
		if err != nil || !ran {
			t.Errorf("the job ran: %t, %v", ran, err)
		}
	}
	s.waits(0, 1)
	s.stored(1, 0)
	s.stored(100, 99)
}

func TestFlush_HidesNothingWhenTheClockWentBack(t *testing.T) {
	s := newShelf(t, 1)
	s.put(1, 10)
	s.client.ZIncrBy(t.Context(), keys+"dirty", 3_600_000_000, "1") // put an hour ahead of now
	s.flush()
	s.stored(1, 10)
}

func TestFlush_StopsWithItsContext(t *testing.T) {
	s := newShelf(t, 300, batchesOf(1))
	for key := range int64(300) {
		s.put(key+1, 1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Flush(ctx, func(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
		cancel()
		return s.store(ctx, batch)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s.flush(); len(s.batches) < 300 {
		t.Errorf("%d batches", len(s.batches))
	}
	s.waits(0, 0)
}
