package services

import "context"

// Category groups products.
type Category struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// maxCategories limits the list, which is shown whole on every page of the catalogue.
const maxCategories = 100

// CategoryStore stores categories.
type CategoryStore interface {
	// List returns up to limit categories by name.
	List(ctx context.Context, limit int) ([]Category, error)
}

// Categories are the groups of products.
type Categories struct{ store CategoryStore }

// NewCategories returns the categories in store.
func NewCategories(store CategoryStore) *Categories { return &Categories{store: store} }

// List returns the categories by name, the first hundred of them.
func (s *Categories) List(ctx context.Context) ([]Category, error) {
	return s.store.List(ctx, maxCategories)
}
