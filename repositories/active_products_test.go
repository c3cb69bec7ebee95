package repositories_test

import (
	"context"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
	"example.com/prefab/services/tracing"
)

// asked counts who asks whether there is a product.
type asked struct {
	services.ProductStore
	times  int
	absent bool
}

func (s *asked) Active(context.Context, int64) (bool, error) {
	s.times++
	return !s.absent, nil
}

// Each change of stock asks it, so that it must not be what each change voids.
func TestCachedProducts_AStockThatChangesIsStillThatOfAKnownProduct(t *testing.T) {
	values := newCache(t, devtest.RedisClient(t, devtest.Redis(t)))
	store := new(asked)
	products := repositories.CacheProducts(store, values, repositories.CacheTimes{TTL: time.Hour})
	for range 3 {
		if active, err := products.Active(t.Context(), 1); err != nil || !active {
			t.Errorf("got %t, %v", active, err)
		}
		if err := repositories.StockInvalidator(values)(t.Context(), []int64{1}); err != nil {
			t.Fatal(err)
		}
	}
	if store.times != 1 {
		t.Errorf("PostgreSQL is asked %d times", store.times)
	}
}

// Who has just written reads past memory only where that says that there is none:
// it may be the product that this session has made.
func TestCachedProducts_ARecentWriterAsksMemoryWhetherThereIsAProduct(t *testing.T) {
	for name, absent := range map[string]bool{"there is": false, "there was none": true} {
		t.Run(name, func(t *testing.T) {
			client := devtest.RedisClient(t, devtest.Redis(t))
			store := &asked{absent: absent}
			products := repositories.CacheProducts(store, newCache(t, client), repositories.CacheTimes{TTL: time.Hour, Absent: time.Hour})
			var before int
			devtest.Eventually(t, "memory knows", func() bool {
				before = store.times
				for range 2 {
					if _, err := products.Active(t.Context(), 1); err != nil {
						t.Fatal(err)
					}
				}
				return store.times == before
			})
			client.FlushDB(t.Context())
			store.absent = false
			fresh := tracing.With(t.Context(), &tracing.Trace{Fresh: true})
			if active, err := products.Active(fresh, 1); err != nil || !active || (store.times > before) != absent {
				t.Errorf("got %t, %v; PostgreSQL is asked %d times more", active, err, store.times-before)
			}
		})
	}
}
