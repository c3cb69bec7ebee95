package repositories

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/prefab/services"
)

// Reviews keeps reviews in PostgreSQL.
type Reviews struct{ db *sqlx.DB }

// NewReviews returns the reviews in db.
func NewReviews(db *sqlx.DB) *Reviews { return &Reviews{db: db} }

const createReview = `-- name: reviews.create
INSERT INTO reviews (product_id, user_id, rating, body)
SELECT id, $2, $3, $4 FROM products WHERE id = $1 AND active
RETURNING id, rating, body, created_at`

// Create is part of services.ReviewStore.
func (s *Reviews) Create(
	ctx context.Context, productID int64, author services.User, rating int64, body string,
) (services.Review, error) {
	review := services.Review{Author: author.Name}
	err := s.db.GetContext(ctx, &review, createReview, productID, author.ID, rating, body)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return services.Review{}, services.ErrNoProduct
	case violates(err, uniqueViolation, "reviews_one_per_user_key"):
		return services.Review{}, services.ErrReviewed
	case err != nil:
		return services.Review{}, storeError("create a review", err)
	}
	return review, nil
}

const reviewExists = `-- name: reviews.exists
SELECT EXISTS (SELECT FROM reviews WHERE product_id = $1 AND user_id = $2)`

// Exists is part of services.ReviewStore.
func (s *Reviews) Exists(ctx context.Context, productID, userID int64) (bool, error) {
	var exists bool
	if err := s.db.GetContext(ctx, &exists, reviewExists, productID, userID); err != nil {
		return false, storeError("look for a review", err)
	}
	return exists, nil
}

// One index range per product: of a product with a million reviews only the
// newest are read.
const newestReviewsSQL = `-- name: reviews.newest
SELECT r.product_id, r.id, r.author, r.rating, r.body, r.created_at
FROM unnest($1::bigint[]) AS wanted (product_id)
CROSS JOIN LATERAL (
    SELECT v.product_id, v.id, u.name AS author, v.rating, v.body, v.created_at
    FROM reviews v JOIN users u ON u.id = v.user_id
    WHERE v.product_id = wanted.product_id
    ORDER BY v.created_at DESC, v.id DESC LIMIT $2
) r
ORDER BY r.created_at DESC, r.id DESC`

// newestReviews returns the newest reviews of each product, newest first.
func newestReviews(
	ctx context.Context, db sqlx.QueryerContext, productIDs []int64,
) (map[int64][]services.Review, error) {
	var rows []struct {
		ProductID int64
		services.Review
	}
	err := sqlx.SelectContext(ctx, db, &rows, newestReviewsSQL, pq.Array(productIDs), services.ReviewsShown)
	if err != nil {
		return nil, storeError("read reviews", err)
	}
	byProduct := make(map[int64][]services.Review, len(productIDs))
	for _, row := range rows {
		byProduct[row.ProductID] = append(byProduct[row.ProductID], row.Review)
	}
	return byProduct, nil
}
