package services_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// known tells of products whether they are there; a nil function has no answer in time.
type known struct {
	services.ProductStore
	active func() (bool, error)
}

func (k known) Active(ctx context.Context, _ int64) (bool, error) {
	if k.active == nil {
		<-ctx.Done()
		return false, ctx.Err()
	}
	return k.active()
}

func there() (bool, error) { return true, nil }

// box counts what is put.
type box struct {
	services.StockBuffer
	puts int
}

func (b *box) Put(context.Context, int64, int64) (int, error) {
	b.puts++
	return b.puts, nil
}

func TestStockSet_AsksWhetherThereIsSuchAProductAndRefusesNothingForWantOfAnAnswer(t *testing.T) {
	odd := errors.New("odd")
	for name, c := range map[string]struct {
		active func() (bool, error)
		want   error
	}{
		"there":            {there, nil},
		"not there":        {func() (bool, error) { return false, nil }, services.ErrNoProduct},
		"store away":       {func() (bool, error) { return false, problem.ErrUnavailable }, nil},
		"no answer at all": {nil, nil},
		"another error":    {func() (bool, error) { return true, odd }, odd},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // the request's
				defer cancel()
				buffer := new(box)
				err := services.NewStock(nil, buffer, known{active: c.active}, 10).Set(ctx, 1, 7)
				if !errors.Is(err, c.want) || (buffer.puts == 1) != (c.want == nil) {
					t.Errorf("error %v, %d puts", err, buffer.puts)
				}
				if ctx.Err() != nil {
					t.Error("it waited until there was no time left to put")
				}
			})
		})
	}
}

func TestStockSet_SaysOnceThatABatchIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which notices who waits for a listener
		buffer := new(box)
		stock := services.NewStock(nil, buffer, known{active: there}, 3)
		full := func() bool {
			select {
			case <-stock.FlushRequested():
				return true
			default:
				return false
			}
		}
		for puts := 1; puts <= 3; puts++ {
			if err := stock.Set(t.Context(), 1, 7); err != nil {
				t.Error(err)
			}
			if got := full(); got != (puts == 3) {
				t.Errorf("after %d of 3: requested is %t", puts, got)
			}
		}
		for range 2 { // nobody listens
			if err := stock.Set(t.Context(), 1, 7); err != nil {
				t.Error(err)
			}
		}
		if !full() || full() {
			t.Error("it is not said exactly once")
		}
	})
}

func TestStockSet_QuantityHasBounds(t *testing.T) {
	for quantity, want := range map[int64]bool{
		-1: false, 0: true, 1_000_000_000: true, 1_000_000_001: false,
	} {
		err := services.NewStock(nil, new(box), known{active: there}, 3).Set(t.Context(), 1, quantity)
		if (err == nil) != want || !want && problem.CodeOf(err) != problem.Invalid {
			t.Errorf("%d: %v", quantity, err)
		}
	}
}
