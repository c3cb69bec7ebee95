package repositories_test

import (
	"context"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

// asked counts who asks whether there is a product.
type asked struct {
	services.ProductStore
	times int
}

func (s *asked) Active(context.Context, int64) (bool, error) {
	s.times++
	return true, nil
}

// Each change of stock asks it, so that it must not be what each change voids.
func TestCachedProducts_AStockThatChangesIsStillThatOfAKnownProduct(t *testing.T) {
	values := newCache(t, openRedis(t, devtest.Redis(t)))
	store := new(asked)
	products := repositories.CacheProducts(store, values, repositories.CacheTimes{TTL: time.Hour})
	for range 3 {
		if active, err := products.Active(t.Context(), 1); err != nil || !active {
			t.Errorf("got %t, %v", active, err)
		}
		if err := repositories.InvalidateStocks(values)(t.Context(), []int64{1}); err != nil {
			t.Fatal(err)
		}
	}
	if store.times != 1 {
		t.Errorf("PostgreSQL is asked %d times", store.times)
	}
}
