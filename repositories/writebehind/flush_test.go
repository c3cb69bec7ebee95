package writebehind_test

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services/problem"
)

func TestFlush_StoresInFullBatchesOrderedByKey(t *testing.T) {
	s := newFixture(t)
	for _, key := range rand.Perm(250) {
		s.put(int64(key), int64(key))
	}
	s.flush()
	s.wantWaiting(0, 0)
	var sizes []int
	for _, batch := range s.batches {
		sizes = append(sizes, len(batch))
		if !slices.IsSortedFunc(batch, func(a, b write) int { return cmp.Compare(a.Key, b.Key) }) {
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

// Lua's stack does not hold all of the keys at a time.
func TestFlush_StoresLongBatches(t *testing.T) {
	const n = 2500
	s := newFixture(t, batchesOf(n))
	s.putAll(n, 1)
	s.flushTo(s.storeThen(func() { s.put(1700, 5) }))
	if len(s.batches) != 1 || len(s.batches[0]) != n {
		t.Errorf("%d batches, the first of %d", len(s.batches), len(s.batches[0]))
	}
	s.wantWaiting(1, 0)
	s.flush()
	s.wantStored(1700, 5)
	if got := s.number("SELECT sum(value) FROM kv"); got != n-1+5 {
		t.Errorf("the sum is %d", got)
	}
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

func TestFlush_WithoutTheStoreLosesNothing(t *testing.T) {
	server := devtest.OwnPostgres(t)
	s := newFixtureOn(t, newTable(t, server.URL), devtest.Redis(t))
	server.Stop()
	s.putAll(500, 7)
	if err := s.Flush(t.Context(), s.store); problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("without PostgreSQL: %v", err)
	}
	s.wantWaiting(500, 0)
	server.Start()
	devtest.Eventually(t, "it is stored", func() bool { return s.Flush(t.Context(), s.store) == nil })
	s.wantWaiting(0, 0)
	if n := s.number("SELECT count(*) FROM kv WHERE value = 7"); n != 500 {
		t.Errorf("%d of 500 are right", n)
	}
}

// Four processes put and flush at once, some keys of their own and some of all.
func TestFlush_BesideOthersNeitherBlocksNorLosesAWrite(t *testing.T) {
	database, redisURL := newTable(t, devtest.EmptyDatabase(t)), devtest.Redis(t)
	var all sync.WaitGroup
	const rounds = 300
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
	s := newFixture(t)
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

// Also a Redis that is full must be emptied: rows stored, raised and dead-lettered.
func TestFlush_EmptiesARedisThatIsFull(t *testing.T) {
	server := devtest.OwnRedis(t)
	s := newFixtureOn(t, newTable(t, devtest.EmptyDatabase(t)), server.URL)
	s.putAll(99, 7)
	s.put(100, 13)
	s.refuse("13")
	s.table.MustExec("INSERT INTO kv VALUES (1, 99, $1)", inAnHour())
	if err := s.client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), 2, 1); problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("a put: %v", err)
	}
	s.flush()
	s.flush()
	s.wantWaiting(0, 1)
	s.wantStored(1, 7)
	s.wantStored(99, 7)
}

// What was stored before the store went away is removed; the rest waits.
func TestFlush_ResolvesWhatWasStoredBeforeTheStoreWentAway(t *testing.T) {
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
}

func TestMetrics_CountOutcomes(t *testing.T) {
	s := newFixture(t, room(4))
	s.refuse("13")
	s.put(1, 13)
	s.put(2, 20)
	s.table.MustExec("INSERT INTO kv VALUES (3, 5, $1)", inAnHour())
	s.put(3, 30)
	s.flush() // one becomes a dead letter, one is stored, one gets a higher version
	s.put(4, 40)
	s.put(5, 50)
	if _, err := s.Put(t.Context(), 2, 21); err == nil {
		t.Error("there is room for one more")
	}
	s.wantMetrics(map[string]float64{
		"puts_total buffered": 5, "puts_total full": 1, "dead_lettered_total": 1, "raised_total": 1, "stored_total": 1,
		"pending": 3, "dead_letters": 1, "batch_duration_seconds": 1,
	})
}

func (s *fixture) wantMetrics(want map[string]float64) {
	s.t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				if label.GetName() == "outcome" {
					name += " " + label.GetValue()
				}
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for name, value := range want {
		if got["prefab_write_behind_"+name] != value {
			s.t.Errorf("%s is %v, want %v", name, got["prefab_write_behind_"+name], value)
		}
	}
}
