package writebehind_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// wantLetter wants a dead letter whose entry ends with a text and whose error contains one.
func (s *fixture) wantLetter(key, entryEnd, reason string) {
	s.t.Helper()
	var l struct {
		Entry, Error string
		At           time.Time
	}
	err := json.Unmarshal([]byte(s.client.HGet(s.t.Context(), prefix+"dead", key).Val()), &l)
	if err != nil || !strings.HasSuffix(l.Entry, entryEnd) || !strings.Contains(l.Error, reason) || l.At.IsZero() {
		s.t.Errorf("the dead letter of %s is %+v, %v", key, l, err)
	}
}

// A run tries a batch, and all letters get their turn.
func TestRetryDeadLetters_StoresThemOnceItCan(t *testing.T) {
	s := newFixture(t, batchesOf(10))
	s.refuse("13")
	s.putAll(30, 13)
	s.flush()
	s.put(1, 14) // in place of its letter
	s.wantWaiting(1, 29)
	s.flush()
	s.accept("13")
	s.table.MustExec("ALTER TABLE kv ADD CONSTRAINT no_few CHECK (key % 10 = 0) NOT VALID")
	for range 3 {
		s.retry()
	}
	s.wantWaiting(0, 26)
	s.wantLetter("2", " 13", "few")
	s.accept("few")
	s.invalidated = nil
	for range 3 {
		s.retry()
	}
	s.wantWaiting(0, 0)
	s.wantStored(1, 14)
	if n := s.number("SELECT count(*) FROM kv WHERE value = 13"); n != 29 || len(s.invalidated) != 26 {
		t.Errorf("%d letters are stored, and %d keys invalidated", n, len(s.invalidated))
	}
}

// A write that comes during a retry is newer, whether it can be stored or not.
func TestRetryDeadLetters_KeepsWhatIsPutMeanwhile(t *testing.T) {
	for _, value := range []int64{14, 15} {
		s := newFixture(t)
		s.refuse("13")
		s.put(1, 13)
		s.flush()
		s.accept("13")
		s.refuse("15")
		s.retryTo(s.storeThen(func() { s.put(1, value); s.flush() }))
		s.wantWaiting(0, int(value-14))
		s.accept("15")
		s.retry()
		s.wantWaiting(0, 0)
		s.wantStored(1, value)
	}
}

func TestFlush_AnEntryThatCannotBeReadBlocksNoOther(t *testing.T) {
	s := newFixture(t)
	s.client.HSet(t.Context(), prefix+"data", "1", `1 {"of another build":1}`, "junk", "junk")
	s.client.ZAdd(t.Context(), prefix+"dirty", redis.Z{Score: 1, Member: "1"}, redis.Z{Score: 2, Member: "junk"})
	s.put(2, 20)
	s.flush()
	s.wantWaiting(0, 2)
	s.wantStored(2, 20)
	s.retry()
	s.wantLetter("junk", "junk", "not an entry")
	s.put(1, 11)
	s.flush()
	s.wantWaiting(0, 1)
	s.wantStored(1, 11)
}
