package writebehind_test

import (
	"errors"
	"slices"
	"testing"

	"example.com/prefab/repositories/writebehind"
)

func TestPut_IsPendingUntilItIsStored(t *testing.T) {
	s := newShelf(t, 3)
	if first, second := s.put(1, 10), s.put(2, 20); first != 1 || second != 2 {
		t.Errorf("the depths are %d and %d", first, second)
	}
	if got, err := s.Pending(t.Context(), 1, 2, 3); err != nil || len(got) != 2 || got[1] != 10 || got[2] != 20 {
		t.Errorf("pending are %v, %v", got, err)
	}
	s.stored(1, -1)
	s.flush()
	s.stored(1, 10)
	s.stored(2, 20)
	s.waits(0, 0)
	if got, err := s.Pending(t.Context(), 1, 2); err != nil || len(got) != 0 {
		t.Errorf("still pending are %v, %v", got, err)
	}
}

func TestPut_TenThousandOfOneKeyAreOneRow(t *testing.T) {
	s := newShelf(t, 1)
	for value := range int64(10_000) {
		s.put(1, value)
	}
	s.waits(1, 0)
	s.flush()
	s.stored(1, 9_999)
	if len(s.batches) != 1 || len(s.batches[0]) != 1 {
		t.Errorf("%d batches came to the table, the first of %d", len(s.batches), len(s.batches[0]))
	}
}

func TestPut_OfMoreKeysThanMayWaitIsRefused(t *testing.T) {
	s := newShelf(t, 3, func(o *stockOptions) { o.MaxPending = 2 })
	s.put(1, 10)
	s.put(2, 20)
	if _, err := s.Put(t.Context(), 3, 30); !errors.Is(err, writebehind.ErrFull) {
		t.Errorf("the third key: %v", err)
	}
	s.put(1, 11) // takes no more room
	s.flush()
	s.put(3, 31)
	s.flush()
	for key, want := range map[int64]int64{1: 11, 2: 20, 3: 31} {
		s.stored(key, want)
	}
}

func TestPut_TellsCachesBeforeItReturnsAndFlushBeforeItAcknowledges(t *testing.T) {
	s := newShelf(t, 2)
	s.put(2, 20)
	if !slices.Equal(s.changed, []int64{2}) {
		t.Errorf("after a put, caches were told of %v", s.changed)
	}
	s.put(1, 10)
	s.changed = nil
	var told []int64
	s.BetweenStoreAndSettling(func() { told = slices.Clone(s.changed) })
	s.flush()
	if !slices.Equal(told, []int64{1, 2}) {
		t.Errorf("before a flush acknowledges, caches were told of %v", told)
	}
}

func TestStats_TellHowLongTheFirstHasWaited(t *testing.T) {
	s := newShelf(t, 2)
	if got, err := s.Stats(t.Context()); err != nil || got != (writebehind.Stats{}) {
		t.Errorf("an empty buffer has %+v, %v", got, err)
	}
	s.put(1, 10)
	s.put(2, 20)
	s.client.ZIncrBy(t.Context(), keys+"dirty", -3_600_000_000, "1") // an hour, in µs
	s.put(1, 11)                                                     // does not lose its place
	if got, err := s.Stats(t.Context()); err != nil || got.Oldest.Hours() < 1 || got.Oldest.Hours() > 1.1 {
		t.Errorf("got %+v, %v", got, err)
	}
}
