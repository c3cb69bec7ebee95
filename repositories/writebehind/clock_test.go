package writebehind_test

import (
	"fmt"
	"testing"
	"time"
)

// waitAhead makes a value wait whose version Redis' clock has yet to reach.
func (s *shelf) waitAhead(key, value int64) (version int64) {
	s.t.Helper()
	s.put(key, value)
	version = time.Now().Add(time.Hour).UnixMicro()
	entry := fmt.Sprintf("%d %d", version, value)
	if err := s.client.HSet(s.t.Context(), keys+"data", fmt.Sprint(key), entry).Err(); err != nil {
		s.t.Fatal(err)
	}
	return version
}

// A version that does not rise would be taken for the one that was just stored.
func TestPut_RisesAboveWhatWaitsThoughTheClockWentBack(t *testing.T) {
	s := newShelf(t, 1)
	ahead := s.waitAhead(1, 10)
	s.BetweenStoreAndSettling(func() { s.put(1, 11) })
	s.flush()
	s.stored(1, 10)
	s.waits(1, 0)
	s.flush()
	s.stored(1, 11)
	if got := s.number("SELECT version FROM stock WHERE product_id = 1"); got != ahead+1 {
		t.Errorf("the version is %d, want %d", got, ahead+1)
	}
}

// The flush that met the store's newer version must not void what came meanwhile.
func TestFlush_RaisesNoVersionThatIsNotTheOneRefused(t *testing.T) {
	s := newShelf(t, 1)
	s.put(1, 10)
	s.exec("INSERT INTO stock (product_id, quantity, version) VALUES (1, 5, $1)", time.Now().Add(time.Minute).UnixMicro())
	var ahead int64
	s.BetweenStoreAndSettling(func() { ahead = s.waitAhead(1, 11) })
	s.flush()
	s.flush()
	s.stored(1, 11)
	if got := s.number("SELECT version FROM stock WHERE product_id = 1"); got != ahead {
		t.Errorf("the version is %d, want %d", got, ahead)
	}
}
