package writebehind_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

type letter struct {
	Entry, Error string
	At           time.Time
}

func (s *fixture) letters(want int) map[string]letter {
	s.t.Helper()
	texts := s.client.HGetAll(s.t.Context(), prefix+"dead").Val()
	letters := make(map[string]letter)
	for key, text := range texts {
		var l letter
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			s.t.Errorf("%s: %v", text, err)
		}
		letters[key] = l
	}
	if len(letters) != want {
		s.t.Errorf("%d dead letters, want %d", len(letters), want)
	}
	return letters
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
	if l := s.letters(1)["400"]; !strings.HasSuffix(l.Entry, " 13") || l.At.IsZero() || !strings.Contains(l.Error, "no_13") {
		t.Errorf("got %+v", l)
	}
	if len(s.batches) > 30 {
		t.Errorf("it took %d statements to find it", len(s.batches))
	}
	if s.invalidated[len(s.invalidated)-1] != 400 {
		t.Error("the value that is not pending any more is not invalidated")
	}
	s.wantLogged("writes cannot be stored and become dead letters")
}

func TestRetryDeadLetters_StoresThemOnceItCan(t *testing.T) {
	s := newFixture(t, batchesOf(50))
	s.refuse("13")
	s.putAll(200, 13)
	s.flush()
	s.wantWaiting(0, 200)
	s.retry()
	s.wantWaiting(0, 200)
	s.put(1, 14) // in place of its letter
	s.wantWaiting(1, 199)
	s.flush()
	s.accept("13")
	s.batches, s.invalidated = nil, nil
	for range 200 / 50 {
		s.retry()
	}
	s.wantWaiting(0, 0)
	s.wantStored(1, 14)
	s.wantStored(2, 13)
	for _, batch := range s.batches {
		if len(batch) > 50 || !slices.IsSortedFunc(batch, func(a, b write) int { return int(a.Key - b.Key) }) {
			t.Error("a batch is too long, or not ordered by its keys")
		}
	}
	slices.Sort(s.invalidated)
	if n := len(slices.Compact(s.invalidated)); n != 199 {
		t.Errorf("%d keys are invalidated", n)
	}
}

// Each run tries a batch, and all letters get their turn.
func TestRetryDeadLetters_InTurns(t *testing.T) {
	s := newFixture(t, batchesOf(10))
	s.refuse("13")
	s.putAll(30, 13)
	s.flush()
	s.accept("13")
	s.table.MustExec("ALTER TABLE kv ADD CONSTRAINT few CHECK (key % 10 = 0)")
	s.batches = nil
	for range 3 {
		s.retry()
	}
	if len(s.batches) > 60 {
		t.Errorf("it took %d statements", len(s.batches))
	}
	if l := s.letters(27)["1"]; !strings.Contains(l.Error, "few") {
		t.Errorf("got %+v", l)
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
		put := func() { s.put(1, value); s.flush() }
		s.retryTo(s.storeThen(put))
		s.wantWaiting(0, value-14)
		s.put(1, 15)
		s.flush()
		s.retryTo(func(ctx context.Context, batch []write) (rejected, error) { put(); return s.store(ctx, batch) })
		s.wantWaiting(0, value-14)
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
	s.client.HSet(t.Context(), prefix+"dead", "1", "junk")
	s.retry()
	s.letters(2)
	s.put(1, 11)
	s.flush()
	s.wantWaiting(0, 1)
	s.wantStored(1, 11)
}
