package repositories

import (
	"context"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// InvalidatedStock is a stock whose single writes invalidate the cached stock of the product.
// SetAll does not: the write-behind buffer, which calls it, does so itself.
type InvalidatedStock struct {
	services.StockStore
	cache *cache.Cache
}

// InvalidateStock returns the stock of store, whose writes invalidate the cached stock.
func InvalidateStock(store services.StockStore, c *cache.Cache) *InvalidatedStock {
	return &InvalidatedStock{StockStore: store, cache: c}
}

// DropStocks returns a function that drops the cached stock of products, after a change
// that was not made by Set.
func DropStocks(c *cache.Cache) func(ctx context.Context, productIDs []int64) error {
	return func(ctx context.Context, productIDs []int64) error {
		tags := make([]string, len(productIDs))
		for i, id := range productIDs {
			tags[i] = stockTag(id)
		}
		return c.Invalidate(ctx, tags...)
	}
}

// PutStock returns a function that sends the put of a product's stock into a buffer, and
// drops its cached stock, in one round trip; see cache.InvalidateWith.
func PutStock(c *cache.Cache) func(ctx context.Context, put redis.Cmder, productID int64) (dropped bool, err error) {
	return func(ctx context.Context, put redis.Cmder, productID int64) (bool, error) {
		return c.InvalidateWith(ctx, put, stockTag(productID))
	}
}

// Set is part of services.StockStore.
func (s *InvalidatedStock) Set(ctx context.Context, productID, quantity int64) error {
	return s.cache.Write(ctx, []string{stockTag(productID)}, func(ctx context.Context) error {
		return s.StockStore.Set(ctx, productID, quantity)
	})
}
