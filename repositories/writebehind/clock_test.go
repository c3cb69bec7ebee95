package writebehind_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
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
}

func TestFlush_StoresAKeyThatIsPutAllTheTimeThoughTheStoresVersionIsAhead(t *testing.T) {
	s := newFixture(t)
	s.table.MustExec("INSERT INTO kv VALUES (1, 5, $1)", inAnHour())
	s.put(1, 10)
	for value := range int64(3) {
		s.flushTo(s.storeThen(func() { s.put(1, 11+value) }))
	}
	if got := s.number("SELECT value FROM kv"); got < 10 {
		t.Errorf("%d is stored", got)
	}
}

// The version of a put during the flush is above the store's already.
func TestFlush_RaisesOnlyTheVersionThatWasRefused(t *testing.T) {
	s := newFixture(t)
	s.put(1, 10)
	s.table.MustExec("INSERT INTO kv VALUES (1, 5, $1)", inAnHour()-60_000_000)
	ahead := inAnHour()
	s.flushTo(s.storeThen(func() {
		s.client.Set(t.Context(), prefix+"version", ahead, 0)
		s.put(1, 11)
	}))
	s.flush()
	s.wantStored(1, 11)
	if got := s.number("SELECT version FROM kv"); got != ahead+1 {
		t.Errorf("the version is %d, want %d", got, ahead+1)
	}
}

// Redis' clock has passed the store's version again when the next write is flushed.
func TestFlush_TakesNoWriteForAnOldCopyThoughTheClockWentBack(t *testing.T) {
	s := newFixture(t)
	ahead := time.Now().Add(300 * time.Millisecond)
	s.client.Set(t.Context(), prefix+"version", ahead.UnixMicro(), 0)
	s.put(1, 10)
	s.flush()
	s.put(1, 11)
	time.Sleep(time.Until(ahead) + 10*time.Millisecond)
	s.flush()
	s.wantWaiting(0, 0)
	s.wantStored(1, 11)
}

// A dead letter is the newest write, whatever version the store has.
func TestRetryDeadLetters_StoresThoughTheStoresVersionIsAhead(t *testing.T) {
	for _, meanwhile := range []bool{false, true} {
		s := newFixture(t)
		s.refuse("13")
		s.put(1, 13)
		s.flush()
		s.accept("13")
		s.table.MustExec("INSERT INTO kv VALUES (1, 5, $1)", inAnHour())
		s.retry()
		s.wantWaiting(0, 1) // with a version above the store's now
		want := int64(13)
		if meanwhile {
			want = 14
			s.put(1, 14) // above that version
			s.flush()
		}
		s.retry()
		s.wantWaiting(0, 0)
		s.wantStored(1, want)
	}
}

// crashToSnapshot kills Redis, which starts again with what it had when its log was ended.
func crashToSnapshot(s *fixture, server *devtest.Server) {
	s.t.Helper()
	server.Signal(syscall.SIGKILL)
	server.Start()
	eventually(s.t, "Redis answers", func() bool { return s.client.Ping(s.t.Context()).Err() == nil })
	s.invalidated = nil
}

// wantDropped wants one old copy of the key 1 to be dropped, logged and invalidated.
func (s *fixture) wantDropped(stored int64) {
	s.t.Helper()
	s.wantWaiting(0, 0)
	s.wantStored(1, stored)
	s.wantLogged(fmt.Sprintf("stored_version=%d", s.number("SELECT version FROM kv")))
	s.wantMetrics(map[string]float64{"outdated_total": 1, "raised_total": 0})
	if !slices.Contains(s.invalidated, 1) || !strings.Contains(s.log.String(), "key=1 ") {
		s.t.Errorf("invalidated are %v, the log says %s", s.invalidated, &s.log)
	}
}

func TestFlush_AnOldCopyInRedisLeavesWhatIsStored(t *testing.T) {
	server := devtest.OwnRedis(t)
	s := newFixtureOn(t, newTable(t, devtest.EmptyDatabase(t)), server.URL)
	s.put(1, 1111)
	s.client.ConfigSet(t.Context(), "appendonly", "no")
	for _, value := range []int64{1111, 2222, 3333} {
		s.put(1, value)
		s.flush()
	}
	crashToSnapshot(s, server)
	s.wantWaiting(1, 0)
	s.flush()
	s.wantDropped(3333)
	s.put(1, 4444)
	s.flush()
	s.wantStored(1, 4444)
}

func TestRetryDeadLetters_AnOldCopyInRedisLeavesWhatIsStored(t *testing.T) {
	server := devtest.OwnRedis(t)
	s := newFixtureOn(t, newTable(t, devtest.EmptyDatabase(t)), server.URL)
	s.refuse("13")
	s.put(1, 13)
	s.flush()
	s.client.ConfigSet(t.Context(), "appendonly", "no")
	s.put(1, 14)
	s.flush()
	crashToSnapshot(s, server)
	s.wantWaiting(0, 1)
	s.accept("13")
	s.retry()
	s.wantDropped(14)
}
