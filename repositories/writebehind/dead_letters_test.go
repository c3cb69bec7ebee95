package writebehind_test

import (
	"errors"
	"strings"
	"testing"

	"example.com/prefab/repositories/writebehind"
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
	if l := letters[0]; l.Key != 400 || l.Value != 13 || l.Version == 0 || l.At.IsZero() || !strings.Contains(l.Error, "no_13") {
		t.Errorf("got %+v", l)
	}
	if len(s.batches) > 30 {
		t.Errorf("it took %d statements to find it", len(s.batches))
	}
	if s.changed[len(s.changed)-1] != 400 {
		t.Error("caches were not told that the value does not count any more")
	}
}

func TestFlush_ForNoProductIsADeadLetter(t *testing.T) {
	s := newShelf(t, 1)
	s.put(1, 10)
	s.put(99, 10)
	s.flush()
	s.stored(1, 10)
	s.waits(0, 1)
}

func TestDeadLetters_AreStoredOnceTheyCanBe(t *testing.T) {
	s := newShelf(t, 3)
	s.exec(refuse13)
	s.put(1, 13)
	s.put(2, 13)
	s.flush()
	s.waits(0, 2)
	retry := func() {
		t.Helper()
		if err := s.RetryDeadLetters(t.Context(), s.store); err != nil {
			t.Error(err)
		}
	}
	retry()
	s.waits(0, 2)
	s.exec("ALTER TABLE stock DROP CONSTRAINT no_13")
	retry()
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
	s.put(1, 14) // here the letter goes with the put
	s.waits(1, 1)
	s.flush()
	if err := s.table.Set(t.Context(), 2, 15); err != nil { // here past the buffer
		t.Fatal(err)
	}
	s.exec("ALTER TABLE stock DROP CONSTRAINT no_13")
	if err := s.RetryDeadLetters(t.Context(), s.store); err != nil {
		t.Error(err)
	}
	s.waits(0, 0)
	s.stored(1, 14)
	s.stored(2, 15)
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
