package repositories

import (
	"context"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// InvalidatingStock is a stock whose Set invalidates the products' cached values. SetAll
// passes through: the buffer invalidates what it flushes.
type InvalidatingStock struct {
	services.StockStore
	cache *cache.Cache
}

// NewInvalidatingStock returns the stock of store, whose Set invalidates the cache.
func NewInvalidatingStock(store services.StockStore, c *cache.Cache) *InvalidatingStock {
	return &InvalidatingStock{StockStore: store, cache: c}
}

// Set is part of services.StockStore.
func (s *InvalidatingStock) Set(ctx context.Context, productID, quantity int64) error {
	return s.cache.Write(ctx, []string{stockTag(productID)}, func(ctx context.Context) error {
		return s.StockStore.Set(ctx, productID, quantity)
	})
}

// Invalidate invalidates what is cached of the products' stock.
func (s *InvalidatingStock) Invalidate(ctx context.Context, productIDs []int64) error {
	tags := make([]string, len(productIDs))
	for i, id := range productIDs {
		tags[i] = stockTag(id)
	}
	return s.cache.Invalidate(ctx, tags...)
}

// PutAndInvalidate sends the put of a product's stock into a buffer, and invalidates what is
// cached of it in the same round trip; see cache.InvalidateWith.
func (s *InvalidatingStock) PutAndInvalidate(ctx context.Context, put redis.Cmder, productID int64) (bool, error) {
	return s.cache.InvalidateWith(ctx, put, stockTag(productID))
}
