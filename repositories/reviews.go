package repositories

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories/postgres"
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
	// In a transaction: database/sql sends a single statement again where the connection
	// ends before the answer, and the second one would find the review of the first.
	err := postgres.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &review, createReview, productID, author.ID, rating, body)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return services.Review{}, services.ErrNoProduct
	case postgres.Violates(err, postgres.UniqueViolation, "reviews_one_per_user_key"):
		return services.Review{}, services.ErrReviewed
	}
	return review, postgres.WrapError("create a review", err)
}

const reviewExists = `-- name: reviews.exists
SELECT EXISTS (SELECT FROM reviews WHERE product_id = $1 AND user_id = $2)`

// Exists is part of services.ReviewStore.
func (s *Reviews) Exists(ctx context.Context, productID, userID int64) (bool, error) {
	var exists bool
	err := postgres.From(ctx, s.db).GetContext(ctx, &exists, reviewExists, productID, userID)
	return exists, postgres.WrapError("look for a review", err)
}

// newestReviews are a product's newest reviews, newest first, as selectProducts
// aggregates them: as JSON, and NULL for none.
type newestReviews []services.Review

// Scan is part of sql.Scanner.
func (r *newestReviews) Scan(value any) error {
	*r = newestReviews{}
	text, ok := value.([]byte)
	if !ok {
		return nil
	}
	if err := json.Unmarshal(text, (*[]services.Review)(r)); err != nil {
		return err
	}
	for i, review := range *r {
		(*r)[i].CreatedAt = review.CreatedAt.UTC() // JSON has an offset, if it is none
	}
	return nil
}
