package writebehind_test

import (
	"context"
	"testing"
)

// A version that did not rise would be taken for the one that was just stored.
func TestPut_RaisesTheVersionThoughTheClockWentBack(t *testing.T) {
	s := newFixture(t)
	ahead := inAnHour()
	s.client.Set(t.Context(), prefix+"version", ahead, 0)
	s.put(1, 10)
	s.flushTo(s.storeThen(func() { s.put(1, 11) }))
	s.wantStored(1, 10)
	s.wantWaiting(1, 0)
	s.client.ZIncrBy(t.Context(), prefix+"dirty", 3_600_000_000, "1") // put an hour ahead of now
	s.flush()
	s.wantStored(1, 11)
	if got := s.number("SELECT version FROM kv"); got != ahead+2 {
		t.Errorf("the version is %d, want %d", got, ahead+2)
	}
}

// Redis' clock went back, or its data was lost, or another program has written.
func TestFlush_StoresThoughTheStoresVersionIsAhead(t *testing.T) {
	s := newFixture(t, batchesOf(1))
	for key := range int64(3) { // raising the first must not make the others look old
		s.table.MustExec("INSERT INTO kv VALUES ($1, 5, $2)", key+1, inAnHour()+(3-key)*1_000_000)
	}
	for value := int64(11); value < 14; value++ {
		s.putAll(3, value)
		for range 3 {
			s.flush()
		}
		s.wantWaiting(0, 0)
		for key := range int64(3) {
			s.wantStored(key+1, value)
		}
	}
	s.wantMetrics(map[string]float64{"raised_total": 3, "outdated_total": 0})
}

// A dead letter is the newest write, whatever version the store has.
func TestRetryDeadLetters_StoresThoughTheStoresVersionIsAhead(t *testing.T) {
	s := newFixture(t)
	s.refuse("13")
	s.putAll(2, 13)
	s.flush()
	s.accept("13")
	s.table.MustExec("INSERT INTO kv VALUES (1, 5, $1), (2, 5, $1)", inAnHour())
	s.retry()
	s.wantWaiting(0, 2) // with versions above the store's now
	s.put(2, 14)        // above that version
	s.flush()
	s.retry()
	s.wantWaiting(0, 0)
	s.wantStored(1, 13)
	s.wantStored(2, 14)
}

// snapshot returns a function that brings back what Redis has now, as a crash without its
// log does, or a failover to a replica that lagged.
func (s *fixture) snapshot() (restore func()) {
	ctx, dumps := context.Background(), make(map[string]string)
	for _, key := range s.client.Keys(ctx, prefix+"*").Val() {
		dumps[key] = s.client.Dump(ctx, key).Val()
	}
	return func() {
		s.client.FlushDB(ctx)
		for key, dump := range dumps {
			s.client.Restore(ctx, key, 0, dump)
		}
	}
}

func TestFlush_AnOldCopyInRedisLeavesWhatIsStored(t *testing.T) {
	s := newFixture(t)
	s.refuse("13")
	s.putAll(2, 13)
	s.flush() // both become dead letters
	s.accept("13")
	s.put(1, 13)
	restore := s.snapshot()
	for _, value := range []int64{13, 14, 15} {
		s.putAll(2, value)
		s.flush()
	}
	restore()
	s.invalidated = nil
	s.flush()
	s.wantInvalidated(1, 1) // as every key of a batch, and since readers have seen the old value
	s.retry()
	s.wantInvalidated(2, 2)
	s.wantWaiting(0, 0)
	for key := int64(1); key <= 2; key++ {
		s.wantStored(key, 15)
		s.put(key, 16)
		s.flush()
		s.wantStored(key, 16)
	}
	s.wantMetrics(map[string]float64{"outdated_total": 2, "raised_total": 0})
	s.wantLogged("key=1")
}
