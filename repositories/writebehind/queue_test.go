package writebehind_test

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
)

// What is no longer there to be stored must not hold up what is.
func TestFlush_ForgetsPlacesOfWhatIsGone(t *testing.T) {
	s := newShelf(t, 1, batchesOf(5))
	for key := range 5 {
		s.client.ZAdd(t.Context(), keys+"dirty", redis.Z{Score: 1, Member: fmt.Sprint(key + 10)})
	}
	s.put(1, 10)
	s.flush()
	s.flush()
	s.stored(1, 10)
	if n := s.client.ZCard(t.Context(), keys+"dirty").Val(); n != 0 {
		t.Errorf("%d places are left", n)
	}
}

func TestStats_OfAClockThatWentBackAreNotNegative(t *testing.T) {
	s := newShelf(t, 1)
	s.put(1, 10)
	s.client.ZIncrBy(t.Context(), keys+"dirty", 3_600_000_000, "1") // an hour ahead
	if got, err := s.Stats(t.Context()); err != nil || got.Oldest != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}
