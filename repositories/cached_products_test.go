package repositories_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// pageStore gives each page that is asked for another price, so that no two
// pages can pass for each other.
type pageStore struct {
	services.ProductStore
	loads int64
}

func (s *pageStore) List(context.Context, int64, services.ProductPosition, int) ([]services.ProductSummary, error) {
	s.loads++
	return []services.ProductSummary{{PriceCents: s.loads}}, nil
}

// Cursors are not signed, so any part of one may come with any other.
func TestCachedProducts_KeepPagesApartByAllThatMakesThem(t *testing.T) {
	values := cache.New(cache.Options{ // not started: memory alone
		Client: redis.NewClient(&redis.Options{}), MemoryTTL: time.Minute, MaxItems: 100, MaxBytes: 1 << 20,
		ValueLimit: 1 << 16, Budget: time.Second,
	})
	t.Cleanup(values.Close)
	store := new(pageStore)
	products := repositories.CacheProducts(store, values, repositories.CacheTimes{TTL: time.Hour})

	moment := time.UnixMicro(1_700_000_000_000_001)
	after := services.ProductPosition{CreatedAt: moment, ID: 7}
	for i, page := range []struct {
		category int64
		after    services.ProductPosition
		limit    int
	}{
		{0, services.ProductPosition{}, 20},
		{1, services.ProductPosition{}, 20},
		{0, services.ProductPosition{}, 2},
		{0, after, 20},
		{0, services.ProductPosition{CreatedAt: moment, ID: 8}, 20},
		{0, services.ProductPosition{CreatedAt: moment.Add(time.Microsecond), ID: 7}, 20},
		{1, after, 20},
	} {
		for range 2 {
			list, err := products.List(t.Context(), page.category, page.after, page.limit)
			if want := int64(i + 1); err != nil || list[0].PriceCents != want {
				t.Errorf("%+v is answered with the page %d, %v; want %d", page, list[0].PriceCents, err, want)
			}
		}
	}
}
