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

// checked answers whether a product is active by err; with errHangs it does not answer in time.
type checked struct {
	services.ProductStore
	err error
}

var errHangs = errors.New("hangs")

func (c checked) CheckActive(ctx context.Context, _ int64) error {
	if errors.Is(c.err, errHangs) {
		<-ctx.Done()
		return ctx.Err()
	}
	return c.err
}

// box counts what is put.
type box struct {
	services.StockBuffer
	puts int
}

func (b *box) Put(context.Context, int64, int64) (int, error) {
	b.puts++
	return b.puts, nil
}

func TestStockSet_RefusesAbsentProductsButWorksWhileTheStoreIsAway(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct{ check, want error }{
		{nil, nil},
		{services.ErrNoProduct, services.ErrNoProduct},
		{problem.ErrUnavailable, nil},
		{errHangs, nil},
		{broken, broken},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // the request's
			defer cancel()
			buffer := new(box)
			err := services.NewStock(nil, buffer, checked{err: c.check}, 10).Set(ctx, 1, 7)
			if !errors.Is(err, c.want) || (buffer.puts == 1) != (c.want == nil) || ctx.Err() != nil {
				t.Errorf("%v: error %v, %d puts, time left: %t", c.check, err, buffer.puts, ctx.Err() == nil)
			}
		})
	}
}

func TestStockSet_SaysOnceThatABatchIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which notices who waits for a listener
		buffer := new(box)
		stock := services.NewStock(nil, buffer, checked{}, 3)
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
		err := services.NewStock(nil, new(box), checked{}, 3).Set(t.Context(), 1, quantity)
		if (err == nil) != want || !want && problem.CodeOf(err) != problem.Invalid {
			t.Errorf("%d: %v", quantity, err)
		}
	}
}
