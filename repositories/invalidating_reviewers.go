package repositories

import (
	"context"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
)

// InvalidatingReviewers are users whose deletion, which removes their reviews, invalidates
// the cached products.
type InvalidatingReviewers struct {
	services.UserStore
	db    *sqlx.DB
	cache *cache.Cache
}

// NewInvalidatingReviewers returns the users of store. db has the reviews.
func NewInvalidatingReviewers(store services.UserStore, db *sqlx.DB, c *cache.Cache) *InvalidatingReviewers {
	return &InvalidatingReviewers{UserStore: store, db: db, cache: c}
}

const reviewedProducts = `-- name: reviews.products_of_user
SELECT product_id FROM reviews WHERE user_id = $1`

// Delete is part of services.UserStore.
func (s *InvalidatingReviewers) Delete(ctx context.Context, id, version int64) error {
	var products []int64
	if err := postgres.From(ctx, s.db).SelectContext(ctx, &products, reviewedProducts, id); err != nil {
		return postgres.WrapError("list the products that a user has reviewed", err)
	}
	tags := make([]string, len(products))
	for i, product := range products {
		tags[i] = productTag(product)
	}
	return s.cache.Write(ctx, tags, func(ctx context.Context) error { return s.UserStore.Delete(ctx, id, version) })
}
