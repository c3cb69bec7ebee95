package writebehind_test

import (
	"testing"
	"time"
)

// clockGoesBack makes Redis' clock one that was an hour ahead until now.
func (s *shelf) clockGoesBack() (ahead int64) {
	s.t.Helper()
	ahead = time.Now().Add(time.Hour).UnixMicro()
	if err := s.client.Set(s.t.Context(), keys+"version", ahead, 0).Err(); err != nil {
		s.t.Fatal(err)
	}
	return ahead
}

// A version that does not rise would be taken for the one that was just stored.
func TestPut_RisesAboveAllBeforeItThoughTheClockWentBack(t *testing.T) {
	s := newShelf(t, 1)
	ahead := s.clockGoesBack()
	s.put(1, 10)
	s.BetweenStoreAndSettling(func() { s.put(1, 11) })
	s.flush()
	s.stored(1, 10)
	s.waits(1, 0)
	s.flush()
	s.stored(1, 11)
	if got := s.number("SELECT version FROM stock WHERE product_id = 1"); got != ahead+2 {
		t.Errorf("the version is %d, want %d", got, ahead+2)
	}
}

// The flush that met the store's newer version must not void what came meanwhile.
func TestFlush_RaisesNoVersionThatIsNotTheOneRefused(t *testing.T) {
	s := newShelf(t, 1)
	s.put(1, 10)
	s.exec("INSERT INTO stock (product_id, quantity, version) VALUES (1, 5, $1)", time.Now().Add(time.Minute).UnixMicro())
	var ahead int64
	s.BetweenStoreAndSettling(func() {
		ahead = s.clockGoesBack()
		s.put(1, 11)
	})
	s.flush()
	s.flush()
	s.stored(1, 11)
	if got := s.number("SELECT version FROM stock WHERE product_id = 1"); got != ahead+1 {
		t.Errorf("the version is %d, want %d", got, ahead+1)
	}
}

// The store's version is no longer ahead of the clock when the write is refused.
func TestFlush_TakesNoWriteForAnOldCopyThoughTheClockWentBack(t *testing.T) {
	s := newShelf(t, 1)
	ahead := time.Now().Add(300 * time.Millisecond)
	s.client.Set(t.Context(), keys+"version", ahead.UnixMicro(), 0)
	s.put(1, 10)
	s.flush()
	s.put(1, 11)
	time.Sleep(time.Until(ahead) + 10*time.Millisecond)
	s.flush()
	s.waits(0, 0)
	s.stored(1, 11)
}

// That one write gets a version above the store's must not make another one look old.
func TestFlush_RaisesEachWriteThatTheStoreIsAheadOf(t *testing.T) {
	s := newShelf(t, 3, batchesOf(1))
	for key := range int64(3) {
		s.exec("INSERT INTO stock VALUES ($1, 5, $2)", key+1, time.Now().Add(time.Duration(3-key)*time.Hour).UnixMicro())
		s.put(key+1, 10)
	}
	for range 3 {
		s.flush()
	}
	s.waits(0, 0)
	for key := range int64(3) {
		s.stored(key+1, 10)
	}
}
