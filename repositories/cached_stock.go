package repositories

import (
	"context"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// CachedStock is a stock whose writes invalidate the products' cached values.
type CachedStock struct {
	services.StockStore
	cache *cache.Cache
}

// InvalidateStock returns the stock of store, whose writes the cache learns of.
func InvalidateStock(store services.StockStore, c *cache.Cache) *CachedStock {
	return &CachedStock{StockStore: store, cache: c}
}

// InvalidateStocks drops what is cached of the products; it is for who changes
// their stock otherwise than by Set.
func InvalidateStocks(c *cache.Cache) func(ctx context.Context, productIDs []int64) error {
	return func(ctx context.Context, productIDs []int64) error {
		tags := make([]string, len(productIDs))
		for i, id := range productIDs {
			tags[i] = stockTag(id)
		}
		return c.Invalidate(ctx, tags...)
	}
}

// PutStock sends the put of a product's stock into a buffer, and drops what is cached
// of it, in one round trip; see cache.InvalidateWith.
func PutStock(c *cache.Cache) func(ctx context.Context, put redis.Cmder, productID int64) (told bool, err error) {
	return func(ctx context.Context, put redis.Cmder, productID int64) (bool, error) {
		return c.InvalidateWith(ctx, put, stockTag(productID))
	}
}

// Set is part of services.StockStore.
func (s *CachedStock) Set(ctx context.Context, productID, quantity int64) error {
	return s.cache.Write(ctx, []string{stockTag(productID)}, func(ctx context.Context) error {
		return s.StockStore.Set(ctx, productID, quantity)
	})
}
