package writebehind_test

import (
	"testing"
)

// Lua takes only so many keys at a time: batches longer than that are done in parts.
func TestFlush_StoresBatchesThatScriptsDoInParts(t *testing.T) {
	const n = 2500
	s := newShelf(t, n, batchesOf(n))
	for key := range int64(n) {
		s.put(key+1, key)
	}
	s.BetweenStoreAndSettling(func() { s.put(1700, 5) }) // in the second part
	s.flush()
	if len(s.batches) != 1 || len(s.batches[0]) != n {
		t.Errorf("%d batches, the first of %d", len(s.batches), len(s.batches[0]))
	}
	s.waits(1, 0)
	s.flush()
	s.waits(0, 0)
	s.stored(1700, 5)
	if got := s.number("SELECT count(*) FROM stock WHERE quantity = product_id - 1"); got != n-1 {
		t.Errorf("%d of %d are right", got, n-1)
	}
}
