// Package outbox is a durable queue in PostgreSQL, for work that a request leaves for
// later, such as a mail to send. It promises:
//
//   - What Add has accepted is delivered at least once, whatever crashes; sometimes twice.
//   - An attempt that fails is repeated after one minute, two, four and so on, up to an
//     hour. After 12 attempts, about seven hours, the item is given up.
//   - An item that is being delivered is not delivered by another process as well.
//   - The newest 1,000 items that were given up are kept, with their errors.
//
// For example:
//
//	box := outbox.New(outbox.Options{DB: db, Log: log, Metrics: registry})
//	err := box.Add(ctx, "print-order", order)
//	…
//	r.Add(runner.Job{Name: "print", Every: time.Minute, Now: box.Added(), Shared: true, Timeout: 5 * time.Minute,
//		Run: box.Deliver(func(ctx context.Context, item outbox.Item) error { // of the only kind
//			var order Order
//			if err := json.Unmarshal(item.Payload, &order); err != nil {
//				return outbox.Permanent(err)
//			}
//			return printer.Print(ctx, order)
//		}),
//	})
//
// One job delivers the items of all kinds: the function tells them apart by item.Kind, and
// returns an error for a kind that it does not know.
//
// It logs no error of the function, which may quote an address: the column error holds it.
package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services/transaction"
)

const (
	firstRetry  = time.Minute // longer than handleTimeout, or two processes would deliver the same item
	lastRetry   = time.Hour
	maxAttempts = 12
	maxGivenUp  = 1000

	handleTimeout = 30 * time.Second
)

// Item is work that waits.
type Item struct {
	ID       int64
	Kind     string
	Payload  json.RawMessage
	Attempts int // with the present one
}

// Options are what an outbox needs.
type Options struct {
	DB      *sqlx.DB
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Outbox is the table outbox, which a migration makes.
type Outbox struct {
	o     Options
	added chan struct{}
}

// New returns the outbox in o.DB.
func New(o Options) *Outbox {
	o.Metrics.MustRegister(gauges{o.DB})
	return &Outbox{o: o, added: make(chan struct{}, 1)}
}

// Added requests a run of the job that delivers, for its Now.
func (b *Outbox) Added() <-chan struct{} { return b.added }

const addItem = `-- name: outbox.add
INSERT INTO outbox (kind, payload) VALUES ($1, $2)`

// Add leaves work for later. The payload is stored as JSON, and stays in PostgreSQL until
// it is delivered: put no secret into it. In a transaction of the context the work is done
// if that commits.
func (b *Outbox) Add(ctx context.Context, kind string, payload any) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("encode an item of the outbox: %w", err)
	}
	if _, err := postgres.From(ctx, b.o.DB).ExecContext(ctx, addItem, kind, string(text)); err != nil {
		return postgres.WrapError("add to the outbox", err)
	}
	if !transaction.From(ctx).AfterEnd(func(transaction.Outcome) { b.request() }) {
		b.request()
	}
	return nil
}

// request requests a run of the job that delivers.
func (b *Outbox) request() {
	select {
	case b.added <- struct{}{}:
	default: // a run is requested already
	}
}

type permanentError struct{ error }

func (p permanentError) Unwrap() error { return p.error }

// Permanent marks an error of a delivery: to try again is of no use.
func Permanent(err error) error { return permanentError{err} }

// errEnded is of an item that may have ended its process, whose last attempt nobody settled.
var errEnded = errors.New("the process ended during the last attempt")

// Handle does the work of an item. It may be called again for the same one.
type Handle func(ctx context.Context, item Item) error

// Deliver returns the job that handles all items that are due, one after the other, until
// its context ends. Its errors are those of PostgreSQL; a failure of one item does not keep
// others waiting.
func (b *Outbox) Deliver(handle Handle) func(context.Context) error {
	return func(ctx context.Context) error {
		for ctx.Err() == nil {
			item, ok, err := b.claim(ctx)
			if err != nil || !ok {
				return err
			}
			failure := errEnded
			if item.Attempts <= maxAttempts {
				failure = handle.once(ctx, item)
			}
			if err := b.settle(ctx, item, failure); err != nil {
				return err
			}
		}
		return nil
	}
}

func (h Handle) once(ctx context.Context, item Item) (err error) {
	ctx, cancel := context.WithTimeout(ctx, handleTimeout)
	defer cancel()
	defer func() { // or an item that makes it panic would stop all that come after it
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	return h(ctx, item)
}

func isPermanent(err error) bool {
	_, ok := errors.AsType[permanentError](err)
	return ok
}
