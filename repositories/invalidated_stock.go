package repositories

import (
	"context"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// InvalidatedStock is a stock whose Set invalidates the products' cached values. SetAll
// passes through: the buffer invalidates what it flushes.
type InvalidatedStock struct {
	services.StockStore
	cache *cache.Cache
}

// NewInvalidatedStock returns the stock of store, whose Set invalidates in the cache.
func NewInvalidatedStock(store services.StockStore, c *cache.Cache) *InvalidatedStock {
	return &InvalidatedStock{StockStore: store, cache: c}
}

// StockInvalidator returns a function that invalidates what is cached of products, for code
// that changes their stock without Set.
func StockInvalidator(c *cache.Cache) func(ctx context.Context, productIDs []int64) error {
	return func(ctx context.Context, productIDs []int64) error {
		tags := make([]string, len(productIDs))
		for i, id := range productIDs {
			tags[i] = stockTag(id)
		}
		return c.Invalidate(ctx, tags...)
	}
}

// StockPutter returns a function that sends the put of a product's stock into a buffer, and
// invalidates what is cached of the product in the same round trip; see cache.InvalidateWith.
func StockPutter(
	c *cache.Cache,
) func(ctx context.Context, put redis.Cmder, productID int64) (invalidated bool, err error) {
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
