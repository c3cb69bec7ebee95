package services

import (
	"context"
	"errors"
	"time"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/writes"
)

const maxStock = 1_000_000_000

// StockFields are what an admin writes.
type StockFields struct {
	Quantity *int64 `json:"quantity"`
}

// Validate returns an error that names every invalid field.
func (f StockFields) Validate() error { return problem.Check(f.Rules) }

// Rules are the rules of each field. The API document tells them, too.
func (f StockFields) Rules(r *problem.Rules) {
	r.Require("quantity", f.Quantity != nil)
	if f.Quantity != nil {
		r.Between("quantity", *f.Quantity, 0, maxStock)
	}
}

// StockWrite is a product's quantity that waits in the buffer.
type StockWrite = writes.Write[int64, int64]

// StockStore stores the quantity of each product.
type StockStore interface {
	// Set stores a quantity at once. Only a buffer that writes through calls it. It returns
	// ErrNoProduct for an absent or inactive product.
	Set(ctx context.Context, productID, quantity int64) error
	// SetAll stores a batch; see writes.StoreBatch. Products that do not exist are Missing.
	SetAll(ctx context.Context, batch []StockWrite) (writes.Rejected[int64], error)
}

// StockBuffer holds the quantities that are not in the store yet.
type StockBuffer interface {
	// Put stores a quantity durably, and returns how many products are waiting. An error
	// with the code Unavailable says that it cannot now.
	Put(ctx context.Context, productID, quantity int64) (depth int, err error)
	// Flush writes what is waiting to the store, in batches. Several may run at once.
	Flush(ctx context.Context, store writes.StoreBatch[int64, int64]) error
	// RetryDeadLetters writes dead letters to the store where that is possible now.
	RetryDeadLetters(ctx context.Context, store writes.StoreBatch[int64, int64]) error
}

// Stock is the quantity of each product. It is written behind: a quantity is valid as
// soon as the buffer has it, and is stored later, together with others.
type Stock struct {
	store          StockStore
	buffer         StockBuffer
	products       ProductStore
	batchSize      int
	flushRequested chan struct{}
}

// NewStock returns the stock in store and buffer. A full batch requests a flush.
func NewStock(store StockStore, buffer StockBuffer, products ProductStore, batchSize int) *Stock {
	return &Stock{
		store: store, buffer: buffer, products: products, batchSize: batchSize, flushRequested: make(chan struct{}, 1),
	}
}

// Set stores a product's quantity. When it returns, no crash of ours can lose it.
func (s *Stock) Set(ctx context.Context, productID, quantity int64) error {
	if err := (StockFields{Quantity: &quantity}).Validate(); err != nil {
		return err
	}
	if err := s.checkExists(ctx, productID); err != nil {
		return err
	}
	depth, err := s.buffer.Put(ctx, productID, quantity)
	if err == nil && depth >= s.batchSize {
		select {
		case s.flushRequested <- struct{}{}:
		default: // it is requested already
		}
	}
	return err
}

// Flush writes what is waiting to the store. Any process may do it, at any time.
func (s *Stock) Flush(ctx context.Context) error { return s.buffer.Flush(ctx, s.store.SetAll) }

// FlushRequested receives when a full batch is waiting, so that Flush should run at once.
func (s *Stock) FlushRequested() <-chan struct{} { return s.flushRequested }

// RetryDeadLetters writes dead letters to the store where that is possible now.
func (s *Stock) RetryDeadLetters(ctx context.Context) error {
	return s.buffer.RetryDeadLetters(ctx, s.store.SetAll)
}

// lookupTimeout is how long a write waits for a look-up that it can do without.
const lookupTimeout = time.Second

// checkExists returns ErrNoProduct for a product that is absent or inactive. During an
// outage of the store it returns nil: Flush drops quantities of absent products.
func (s *Stock) checkExists(ctx context.Context, productID int64) error {
	limited, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	err := s.products.CheckActive(limited, productID)
	if problem.CodeOf(err) == problem.Unavailable || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
