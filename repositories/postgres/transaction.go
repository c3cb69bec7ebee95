package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/prefab/services/transaction"
)

const (
	transactionTimeout = 30 * time.Second // of one whose context has no deadline
	maxAttempts        = 5
	firstPause         = 5 * time.Millisecond // before the second attempt; each later one is twice as long
)

// Queries runs statements: in a transaction, or each by itself.
type Queries interface {
	sqlx.ExtContext
	GetContext(ctx context.Context, dest any, query string, args ...any) error
	SelectContext(ctx context.Context, dest any, query string, args ...any) error
}

// From returns the transaction of db that ctx carries, else db. A store that asks it for
// each statement takes part in the transactions of its callers:
//
//	err := postgres.From(ctx, s.db).SelectContext(ctx, &items, listSuppliers, limit)
func From(ctx context.Context, db *sqlx.DB) Queries {
	if r := runningIn(ctx, db); r != nil {
		return r.tx
	}
	return db
}

// running is a transaction that a context carries.
type running struct {
	tx        *sqlx.Tx
	isolation sql.IsolationLevel
	failed    error // the first error of a function that has joined it
}

type runningKey struct{ db *sqlx.DB }

func runningIn(ctx context.Context, db *sqlx.DB) *running {
	r, _ := ctx.Value(runningKey{db}).(*running)
	return r
}

var errPanicked = errors.New("a part of the transaction has panicked")

// join runs fn as a part of the transaction. If fn fails, the transaction cannot commit:
// half of what fn writes must not stay.
func (r *running) join(fn func() error) (err error) {
	err = errPanicked
	defer func() {
		if err != nil && r.failed == nil {
			r.failed = err
		}
	}()
	err = fn()
	return err
}

// Transactions returns what runs transactions in db. After a serialization failure or a
// deadlock it runs the function again, up to five times in all and within the deadline of
// its context, unless [transaction.Transaction.MarkExternal] was called. Inside another
// transaction of db the function joins that one: all of it commits or nothing, and an error
// of the function rolls back all of it, even if its caller goes on.
//
// The function must not use the context after it has returned, and must not send two
// statements at once: a transaction has one connection.
func Transactions(db *sqlx.DB, isolation sql.IsolationLevel) transaction.Func {
	return func(ctx context.Context, fn func(ctx context.Context) error) error {
		if outer := runningIn(ctx, db); outer != nil {
			if isolation > max(outer.isolation, sql.LevelReadCommitted) { // which is the default
				return fmt.Errorf("a transaction of isolation %q cannot join one of %q", isolation, outer.isolation)
			}
			return outer.join(func() error { return fn(ctx) })
		}
		if _, bounded := ctx.Deadline(); !bounded {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, transactionTimeout)
			defer cancel()
		}
		for attempt, pause := 1, firstPause; ; attempt, pause = attempt+1, 2*pause {
			again, err := runOnce(ctx, db, isolation, fn)
			if !again || attempt == maxAttempts || !sleep(ctx, pause/2+rand.N(pause)) { //nolint:gosec // no secret
				return err
			}
		}
	}
}

// runOnce runs fn in a transaction, and reports whether it is worth to run it again.
func runOnce(
	ctx context.Context, db *sqlx.DB, isolation sql.IsolationLevel, fn func(ctx context.Context) error,
) (again bool, err error) {
	tx, err := db.BeginTxx(ctx, &sql.TxOptions{Isolation: isolation})
	if err != nil {
		return false, WrapError("begin a transaction", err)
	}
	deadline, _ := ctx.Deadline()
	inside, begun := transaction.Begin(ctx, deadline)
	r, outcome := &running{tx: tx, isolation: isolation}, transaction.RolledBack
	defer func() { // after a panic too
		_ = tx.Rollback() // does nothing after the commit
		begun.End(outcome)
	}()
	if err = fn(context.WithValue(inside, runningKey{db}, r)); err == nil {
		err = r.failed
	}
	if err == nil {
		err = commit(ctx, tx)
		outcome = outcomeOf(err)
		err = WrapError("commit a transaction", err)
	}
	return isConflict(err) && outcome == transaction.RolledBack && begun.Repeatable(), err
}

// outcomeOf tells from the error of COMMIT what it has done. Constraints are checked, and
// transactions told apart, before anything is stored.
func outcomeOf(err error) transaction.Outcome {
	e, answered := errors.AsType[*pq.Error](err)
	switch {
	case err == nil:
		return transaction.Committed
	case answered && class(e) == "23", isConflict(err):
		return transaction.RolledBack
	}
	return transaction.Unknown
}

// isConflict reports whether PostgreSQL has refused a transaction because of another one
// at the same time, so that it may succeed from the start.
func isConflict(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && (e.Code == "40001" || e.Code == "40P01") // serialization_failure, deadlock_detected
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
