package repositories

import (
	"context"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// InvalidatedReviews are reviews whose writes invalidate the products' cached values.
type InvalidatedReviews struct {
	services.ReviewStore
	cache *cache.Cache
}

// InvalidateReviews returns the reviews of store, whose writes invalidate cached products.
func InvalidateReviews(store services.ReviewStore, c *cache.Cache) *InvalidatedReviews {
	return &InvalidatedReviews{ReviewStore: store, cache: c}
}

// Create is part of services.ReviewStore.
func (s *InvalidatedReviews) Create(
	ctx context.Context, productID int64, author services.User, rating int64, body string,
) (r services.Review, err error) {
	err = s.cache.Write(ctx, []string{productTag(productID)}, func(ctx context.Context) error {
		r, err = s.ReviewStore.Create(ctx, productID, author, rating, body)
		return err
	})
	return r, err
}
