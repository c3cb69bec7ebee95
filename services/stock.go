package services

import (
	"context"
	"errors"
	"time"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/writes"
)

const maxStock = 1_000_000_000

// StockWrite is a product's quantity on its way to the store.
type StockWrite = writes.Write[int64, int64]

// StockStore keeps how many of each product are there.
type StockStore interface {
	// Set stores a quantity; the newest write of a product wins. It returns
	// ErrNoProduct for an absent or inactive product.
	Set(ctx context.Context, productID, quantity int64) error
	// SetAll is a writes.StoreBatch. A product that does not exist is gone.
	SetAll(ctx context.Context, batch []StockWrite) (writes.Refused[int64], error)
}

// StockBuffer holds the quantities that are not stored yet.
type StockBuffer interface {
	// Put keeps a quantity durably, and returns how many products wait. It returns an error
	// of the code Unavailable if it cannot now.
	Put(ctx context.Context, productID, quantity int64) (depth int, err error)
	// Flush stores what waits, in batches. Several processes may flush at once.
	Flush(ctx context.Context, store writes.StoreBatch[int64, int64]) error
	// RetryDeadLetters tries again to store what could not be stored.
	RetryDeadLetters(ctx context.Context, store writes.StoreBatch[int64, int64]) error
}

// Stock is the quantity of each product. It is written behind: a quantity counts as soon as
// the buffer has it, and is stored later, together with others.
type Stock struct {
	store    StockStore
	buffer   StockBuffer
	products ProductStore
	batch    int
	full     chan struct{}
}

// NewStock returns the stock of products. The buffer stores it in batches of that size.
func NewStock(store StockStore, buffer StockBuffer, products ProductStore, batch int) *Stock {
	return &Stock{store: store, buffer: buffer, products: products, batch: batch, full: make(chan struct{}, 1)}
}

// Set keeps a product's quantity. When it returns, no crash of our processes can lose it.
func (s *Stock) Set(ctx context.Context, productID, quantity int64) error {
	var r problem.Rules
	r.Between("quantity", quantity, 0, maxStock)
	if err := r.Err(); err != nil {
		return err
	}
	if err := s.checkActive(ctx, productID); err != nil {
		return err
	}
	depth, err := s.buffer.Put(ctx, productID, quantity)
	if err == nil && depth >= s.batch {
		select {
		case s.full <- struct{}{}:
		default: // a flush is requested already
		}
	}
	return err
}

// Flush stores what waits. Any process may do it, at any time.
func (s *Stock) Flush(ctx context.Context) error { return s.buffer.Flush(ctx, s.store.SetAll) }

// Full receives a value when a full batch waits, so that Flush need not wait for its time.
func (s *Stock) Full() <-chan struct{} { return s.full }

// RetryDeadLetters tries again to store what could not be stored.
func (s *Stock) RetryDeadLetters(ctx context.Context) error {
	return s.buffer.RetryDeadLetters(ctx, s.store.SetAll)
}

// checkTimeout limits the check of a write whether its product exists.
const checkTimeout = time.Second

// checkActive returns ErrNoProduct for a product that is absent or inactive. An outage of the
// store refuses nothing: Flush drops what is put for a product that does not exist.
func (s *Stock) checkActive(ctx context.Context, productID int64) error {
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	active, err := s.products.Active(limited, productID)
	switch {
	case err == nil && !active:
		return ErrNoProduct
	case err == nil, problem.CodeOf(err) == problem.Unavailable, errors.Is(err, context.DeadlineExceeded):
		return nil
	}
	return err
}
