package writebehind_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/writebehind"
	"example.com/prefab/services"
	"example.com/prefab/services/writes"
)

const refuse13 = "ALTER TABLE stock ADD CONSTRAINT no_13 CHECK (quantity <> 13) NOT VALID"

func TestFlush_OneBadRowOfAThousandHoldsUpNoOther(t *testing.T) {
	s := newShelf(t, 1000, batchesOf(1000))
	s.exec(refuse13)
	for key := range int64(1000) {
		s.put(key+1, key+100)
	}
	s.put(400, 13)
	s.changed = nil
	s.flush()
	s.waits(0, 1)
	if n := s.number("SELECT count(*) FROM stock WHERE quantity = product_id + 99"); n != 999 {
		t.Errorf("%d are stored, want 999", n)
	}
	letters, err := s.DeadLetters(t.Context(), 10)
	if err != nil || len(letters) != 1 {
		t.Fatalf("got %+v, %v", letters, err)
	}
	if l := letters[0]; l.Key != "400" || l.Value != "13" || l.Version == 0 || l.At.IsZero() || !strings.Contains(l.Error, "no_13") {
		t.Errorf("got %+v", l)
	}
	if len(s.batches) > 30 {
		t.Errorf("it took %d statements to find it", len(s.batches))
	}
	if s.changed[len(s.changed)-1] != 400 {
		t.Error("caches were not told that the value does not count any more")
	}
}

// Else it would be stored for a product that is added later on.
func TestFlush_DropsWhatIsForNoProduct(t *testing.T) {
	var log bytes.Buffer
	s := newShelf(t, 1, func(o *stockOptions) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	s.put(1, 10)
	s.put(2, 10)
	s.flush()
	s.stored(1, 10)
	s.waits(0, 0)
	if !strings.Contains(log.String(), "what they are about is not there") {
		t.Errorf("the log is %s", &log)
	}
}

func TestDeadLetters_AreStoredOnceTheyCanBe(t *testing.T) {
	s := newShelf(t, 3)
	s.exec(refuse13)
	s.put(1, 13)
	s.put(2, 13)
	s.flush()
	s.waits(0, 2)
	s.retry()
	s.waits(0, 2)
	s.exec("ALTER TABLE stock DROP CONSTRAINT no_13")
	s.retry()
	s.waits(0, 0)
	s.stored(1, 13)
	s.stored(2, 13)
}

func TestDeadLetters_GiveWayToNewerWrites(t *testing.T) {
	s := newShelf(t, 2)
	s.exec(refuse13)
	s.put(1, 13)
	s.put(2, 13)
	s.flush()
	s.waits(0, 2)
	s.put(1, 14)
	s.waits(1, 1)
	s.flush()
	s.exec("ALTER TABLE stock DROP CONSTRAINT no_13")
	s.retry()
	s.waits(0, 0)
	s.stored(1, 14)
	s.stored(2, 13)
}

func (s *shelf) retry() {
	s.t.Helper()
	if err := s.RetryDeadLetters(s.t.Context(), s.store); err != nil {
		s.t.Error(err)
	}
}

// A letter that is there is the newest that was put, whatever version the table has.
func TestDeadLetters_AreStoredThoughTheStoresVersionIsAhead(t *testing.T) {
	s := newShelf(t, 1)
	s.put(1, 10)
	s.flush()
	s.exec(refuse13)
	s.put(1, 13)
	s.flush()
	s.exec("UPDATE stock SET version = $1", time.Now().Add(time.Hour).UnixMicro())
	s.exec("ALTER TABLE stock DROP CONSTRAINT no_13")
	s.retry()
	s.waits(0, 1)
	s.retry()
	s.waits(0, 0)
	s.stored(1, 13)
}

// What is put while its letter is on its way to the table comes after it.
func TestDeadLetters_OnTheirWayAreOlderThanWhatIsPut(t *testing.T) {
	s := newShelf(t, 1)
	s.put(1, 10)
	s.flush()
	s.exec(refuse13)
	s.put(1, 13)
	s.flush()
	s.exec("UPDATE stock SET version = $1", time.Now().Add(time.Hour).UnixMicro())
	s.exec("ALTER TABLE stock DROP CONSTRAINT no_13")
	s.retry() // the letter has a version above the table's now
	late := func(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
		s.put(1, 14)
		for range 3 {
			s.flush()
		}
		return s.store(ctx, batch)
	}
	if err := s.RetryDeadLetters(t.Context(), late); err != nil {
		t.Error(err)
	}
	s.flush()
	s.waits(0, 0)
	s.stored(1, 14)
}

func TestFlush_BuriesNothingNewerThanWhatWasBad(t *testing.T) {
	s := newShelf(t, 1)
	s.exec(refuse13)
	s.put(1, 13)
	during := func(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
		defer s.put(1, 14)
		return s.store(ctx, batch)
	}
	if err := s.Flush(t.Context(), during); err != nil {
		t.Error(err)
	}
	s.waits(1, 0)
	s.flush()
	s.stored(1, 14)
}

func TestDeadLetters_ThatAreNewerStayWhenAnOlderOneIsStored(t *testing.T) {
	s := newShelf(t, 1)
	s.exec(refuse13)
	s.put(1, 13)
	s.flush()
	s.exec("ALTER TABLE stock DROP CONSTRAINT no_13")
	s.exec("ALTER TABLE stock ADD CONSTRAINT no_15 CHECK (quantity <> 15) NOT VALID")
	late := func(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
		s.put(1, 15)
		s.flush()
		return s.store(ctx, batch)
	}
	if err := s.RetryDeadLetters(t.Context(), late); err != nil {
		t.Error(err)
	}
	s.waits(0, 1)
	s.exec("ALTER TABLE stock DROP CONSTRAINT no_15")
	s.retry()
	s.waits(0, 0)
	s.stored(1, 15)
}

// A run tries no more than a batch, and all get their turn.
func TestDeadLetters_TakeTurns(t *testing.T) {
	s := newShelf(t, 30, batchesOf(10))
	s.exec(refuse13)
	for key := range int64(30) {
		s.put(key+1, 13)
	}
	s.flush()
	s.exec("ALTER TABLE stock DROP CONSTRAINT no_13")
	s.exec("ALTER TABLE stock ADD CONSTRAINT few CHECK (product_id % 10 = 0)")
	s.batches = nil
	for range 3 {
		s.retry()
	}
	s.waits(0, 27)
	if len(s.batches) > 60 {
		t.Errorf("it took %d statements", len(s.batches))
	}
	left, err := s.DeadLetters(t.Context(), 100)
	if err != nil || len(left) != 27 || !strings.Contains(left[0].Error, "few") {
		t.Errorf("left are %+v, %v", left, err)
	}
}

func TestFlush_AnEntryThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	s := newShelf(t, 3)
	s.client.HSet(t.Context(), keys+"data", "1", `1 {"of another build":1}`, "junk", "junk")
	s.client.ZAdd(t.Context(), keys+"dirty", redis.Z{Score: 1, Member: "1"}, redis.Z{Score: 2, Member: "junk"})
	s.put(2, 20)
	s.flush()
	s.waits(0, 2)
	s.stored(2, 20)
	s.exec(refuse13)
	s.put(3, 13)
	s.flush()
	s.exec("ALTER TABLE stock DROP CONSTRAINT no_13")
	s.client.HSet(t.Context(), keys+"dead", "1", "junk")
	s.retry()
	s.waits(0, 2)
	s.stored(3, 13)
	if left, err := s.DeadLetters(t.Context(), 10); err != nil || len(left) != 2 {
		t.Errorf("left are %+v, %v", left, err)
	}
	s.put(1, 11)
	s.flush()
	s.stored(1, 11)
}

// The time is over in the midst of finding the bad ones: what has been found stays found.
func TestFlush_CutShortWhileItIsolatesGetsOn(t *testing.T) {
	s := newShelf(t, 100)
	s.exec(refuse13)
	for key := range int64(100) {
		s.put(key+1, 13)
	}
	ctx, cancel := context.WithCancel(t.Context())
	statements := 0
	err := s.Flush(ctx, func(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
		if statements++; statements == 100 {
			cancel()
		}
		return s.store(ctx, batch)
	})
	if err == nil {
		t.Error("no error")
	}
	if got, err := s.Stats(t.Context()); err != nil || got.DeadLetters < 20 || got.Pending+got.DeadLetters != 100 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestDeadLetters_TakeRoomOfWhatMayWait(t *testing.T) {
	s := newShelf(t, 3, func(o *stockOptions) { o.MaxPending = 2 })
	s.exec(refuse13)
	s.put(1, 13)
	s.put(2, 13)
	s.flush()
	if _, err := s.Put(t.Context(), 3, 1); !errors.Is(err, writebehind.ErrFull) {
		t.Errorf("beside two dead letters: %v", err)
	}
	s.put(1, 1) // takes its letter's room
	s.flush()
	s.put(3, 1)
	s.flush()
	s.waits(0, 1)
	s.stored(3, 1)
}
