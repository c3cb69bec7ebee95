package repositories

import (
	"context"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// InvalidatingReviews are reviews whose writes invalidate the products' cached values.
type InvalidatingReviews struct {
	services.ReviewStore
	cache *cache.Cache
}

// NewInvalidatingReviews returns the reviews of store, whose writes invalidate cached products.
func NewInvalidatingReviews(store services.ReviewStore, c *cache.Cache) *InvalidatingReviews {
	return &InvalidatingReviews{ReviewStore: store, cache: c}
}

// Create is part of services.ReviewStore.
func (s *InvalidatingReviews) Create(
	ctx context.Context, productID int64, author services.User, rating int64, body string,
) (r services.Review, err error) {
	err = s.cache.Write(ctx, []string{productTag(productID)}, func(ctx context.Context) error {
		r, err = s.ReviewStore.Create(ctx, productID, author, rating, body)
		return err
	})
	return r, err
}
