package services

import (
	"context"
	"errors"
	"time"

	"example.com/prefab/services/problem"
)

// Review is a user's opinion of a product.
type Review struct {
	ID        int64     `json:"id"`
	Author    string    `json:"author" doc:"The user's name."` // never the address
	Rating    int64     `json:"rating"`                        // 1 to 5
	Body      string    `json:"body"`
	CreatedAt time.Time `json:"createdAt"`
}

// ReviewFields are what a reviewer writes. A nil field is not given.
type ReviewFields struct {
	Rating *int64  `json:"rating"`
	Body   *string `json:"body"`
}

const maxReviewBody = 2000

// Validate returns an error that names every invalid field.
func (f ReviewFields) Validate() error { return problem.Check(f.Rules) }

// Rules are the rules of each field. The API document tells them, too.
func (f ReviewFields) Rules(r *problem.Rules) {
	r.Require("rating", f.Rating != nil)
	r.Require("body", f.Body != nil)
	if f.Rating != nil {
		r.Between("rating", *f.Rating, 1, 5)
	}
	if f.Body != nil {
		r.Text("body", *f.Body, 1, maxReviewBody)
	}
}

// ErrReviewed says that the user has reviewed the product before.
var ErrReviewed = &problem.Error{Code: problem.Conflict, Message: "You have already reviewed this product."}

// ReviewStore stores reviews.
type ReviewStore interface {
	// Create returns ErrNoProduct for an absent or inactive product, and
	// ErrReviewed for the user's second review of a product.
	Create(ctx context.Context, productID int64, author User, rating int64, body string) (Review, error)
	// Exists reports whether the user has reviewed the product.
	Exists(ctx context.Context, productID, userID int64) (bool, error)
}

// Reviews are the rules of reviewing.
type Reviews struct{ store ReviewStore }

// NewReviews returns the reviews in store.
func NewReviews(store ReviewStore) *Reviews { return &Reviews{store: store} }

// Create adds the user's one review of a product.
func (s *Reviews) Create(ctx context.Context, productID int64, author User, f ReviewFields) (Review, error) {
	if err := f.Validate(); err != nil {
		return Review{}, err
	}
	return s.store.Create(ctx, productID, author, *f.Rating, *f.Body)
}

// HasReviewed reports whether the user has reviewed the product. During an outage of the
// store it returns false, since Create checks again.
func (s *Reviews) HasReviewed(ctx context.Context, productID int64, author User) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	reviewed, err := s.store.Exists(limited, productID, author.ID)
	if problem.CodeOf(err) == problem.Unavailable || errors.Is(err, context.DeadlineExceeded) {
		return false, nil
	}
	return reviewed, err
}
