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
	// SetAll is a StoreBatch, to which a product that was never there is gone.
	SetAll(ctx context.Context, batch []StockWrite) (writes.Refused[int64], error)
}

// StockBuffer holds the quantities that the store has yet to take.
type StockBuffer interface {
	// Put keeps a quantity for good, and returns how many products' are waiting. An
	// error of the code Unavailable says that it cannot now.
	Put(ctx context.Context, productID, quantity int64) (depth int, err error)
	// Flush stores what is waiting, in batches. It is safe beside other flushes.
	Flush(ctx context.Context, store writes.StoreBatch[int64, int64]) error
	// RetryDeadLetters stores what could not be stored, where that is possible now.
	RetryDeadLetters(ctx context.Context, store writes.StoreBatch[int64, int64]) error
}

// Stock is how many of each product are there. It is written behind: a quantity
// counts as soon as the buffer has it, and is stored later, together with others.
type Stock struct {
	store    StockStore
	buffer   StockBuffer
	products ProductStore
	batch    int
	full     chan struct{}
}

// NewStock returns the stock of products that is kept in store, in batches of that
// many from the buffer.
func NewStock(store StockStore, buffer StockBuffer, products ProductStore, batch int) *Stock {
	return &Stock{store: store, buffer: buffer, products: products, batch: batch, full: make(chan struct{}, 1)}
}

// Set keeps a product's quantity. When it returns, no crash of ours can lose it.
func (s *Stock) Set(ctx context.Context, productID, quantity int64) error {
	var r problem.Rules
	r.Between("quantity", quantity, 0, maxStock)
	if err := r.Err(); err != nil {
		return err
	}
	if err := s.there(ctx, productID); err != nil {
		return err
	}
	depth, err := s.buffer.Put(ctx, productID, quantity)
	if err == nil && depth >= s.batch {
		select {
		case s.full <- struct{}{}:
		default: // somebody has said so already
		}
	}
	return err
}

// Flush stores what is waiting. Any process may do it, at any time.
func (s *Stock) Flush(ctx context.Context) error { return s.buffer.Flush(ctx, s.store.SetAll) }

// Full tells when enough is waiting for Flush to be worth its while at once.
func (s *Stock) Full() <-chan struct{} { return s.full }

// RetryDeadLetters stores what could not be stored before, where that is possible now.
func (s *Stock) RetryDeadLetters(ctx context.Context) error {
	return s.buffer.RetryDeadLetters(ctx, s.store.SetAll)
}

// lookPatience is what a write waits to learn whether there is such a product.
const lookPatience = time.Second

// there returns ErrNoProduct for a product that is absent or inactive. An outage
// of the store refuses nothing: what is put for no product is dropped by Flush.
func (s *Stock) there(ctx context.Context, productID int64) error {
	limited, cancel := context.WithTimeout(ctx, lookPatience)
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
