// Package transaction lets a service have several stores write together, or not at all,
// while it knows no SQL. The transaction travels in the context. It promises:
//
//   - What was registered with [Transaction.AfterEnd] runs once, after the end, and learns
//     whether the transaction has committed.
//   - Every method works without a Transaction, so no caller has to check for one.
//
// An example:
//
//	type Orders struct {
//		transaction transaction.Func // postgres.Transactions(db, sql.LevelSerializable)
//		orders      OrderStore
//		stock       StockStore
//	}
//
//	err := s.transaction(ctx, func(ctx context.Context) error {
//		if err := s.stock.Take(ctx, lamp, 1); err != nil {
//			return err
//		}
//		return s.orders.Create(ctx, lamp)
//	})
package transaction

import (
	"context"
	"sync"
	"time"
)

// Func runs fn in a transaction, which commits if fn returns nil. All stores that get the
// context of fn take part. It may run fn again, from the start.
type Func func(ctx context.Context, fn func(ctx context.Context) error) error

// Outcome is how a transaction has ended.
type Outcome int

// The outcomes.
const (
	Unknown    Outcome = iota // COMMIT was sent, and its answer is missing
	Committed                 // all of it is stored
	RolledBack                // nothing of it is stored
)

// Transaction is one attempt to run a Func. A nil Transaction is valid, and never ends.
type Transaction struct {
	deadline time.Time

	mu       sync.Mutex
	ended    bool
	external bool
	after    []func(Outcome)
}

type contextKey struct{}

// Begin returns a context that carries a new Transaction, which ends by the deadline. It is
// for the implementation of a Func, which has to call End.
func Begin(ctx context.Context, deadline time.Time) (context.Context, *Transaction) {
	t := &Transaction{deadline: deadline}
	return context.WithValue(ctx, contextKey{}, t), t
}

// From returns the Transaction that ctx carries, or nil.
func From(ctx context.Context) *Transaction {
	t, _ := ctx.Value(contextKey{}).(*Transaction)
	return t
}

// Deadline returns until when COMMIT may be sent.
func (t *Transaction) Deadline() (deadline time.Time, ok bool) {
	if t == nil {
		return time.Time{}, false
	}
	return t.deadline, true
}

// AfterEnd has do called once the transaction has ended, in the order of the calls. It
// returns false without a transaction and after its end: then do is not called.
func (t *Transaction) AfterEnd(do func(Outcome)) bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	t.after = append(t.after, do)
	return true
}

// MarkExternal says that the caller is about to change something that a rollback does not
// undo, such as a value in Redis or another service. The transaction does not run again.
func (t *Transaction) MarkExternal() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.external = true
}

// Repeatable reports whether nothing but the transaction has happened.
func (t *Transaction) Repeatable() bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.external
}

// End calls what was registered with AfterEnd, the first time it is called.
func (t *Transaction) End(outcome Outcome) {
	t.mu.Lock()
	after := t.after
	t.after, t.ended = nil, true
	t.mu.Unlock()
	for _, do := range after {
		do(outcome)
	}
}
