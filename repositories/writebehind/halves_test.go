package writebehind_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"example.com/prefab/services"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/writes"
)

// What a batch has stored before the store went away is stored; the rest waits.
func TestFlush_SettlesWhatWasDecidedBeforeTheStoreWentAway(t *testing.T) {
	bad, away := error(writes.ErrBad), error(problem.ErrUnavailable)
	for name, c := range map[string]struct {
		answers map[string]error // to the batches of these keys
		left    int64
	}{
		"at once":                {map[string]error{"[1 2 3 4]": away}, 4},
		"before the second half": {map[string]error{"[1 2 3 4]": bad, "[3 4]": away}, 2},
		"within the first half":  {map[string]error{"[1 2 3 4]": bad, "[1 2]": bad, "[2]": away}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 4)
			for key := range int64(4) {
				s.put(key+1, 10)
			}
			err := s.Flush(t.Context(), func(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
				var keys []int64
				for _, w := range batch {
					keys = append(keys, w.Key)
				}
				if err := c.answers[fmt.Sprint(keys)]; err != nil {
					return writes.Refused[int64]{}, err
				}
				return s.store(ctx, batch)
			})
			if !errors.Is(err, problem.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			s.waits(c.left, 0)
			s.flush()
			s.waits(0, 0)
		})
	}
}
