package services

import "context"

const maxStock = 1_000_000_000

// StockStore keeps how many of each product are there.
type StockStore interface {
	// Set stores a quantity; the newest write of a product wins. It returns
	// ErrNoProduct for an absent or inactive product.
	Set(ctx context.Context, productID, quantity int64) error
}

// Stock is how many of each product are there.
type Stock struct{ store StockStore }

// NewStock returns the stock kept in store.
func NewStock(store StockStore) *Stock { return &Stock{store: store} }

// Set stores a product's quantity.
func (s *Stock) Set(ctx context.Context, productID, quantity int64) error {
	var r rules
	r.between("quantity", quantity, 0, maxStock)
	if err := r.err(); err != nil {
		return err
	}
	return s.store.Set(ctx, productID, quantity)
}
