package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/transaction"
)

var errSoldOut = &problem.Error{Code: problem.Conflict, Message: "Sold out."}

// shop is a service with two stores.
type shop struct {
	transaction transaction.Func
	stock       *stock
	orders      *orders
}

// Order takes a lamp from the stock and keeps who has ordered it, or does neither.
func (s *shop) Order(ctx context.Context, customer string) (id int64, err error) {
	err = s.transaction(ctx, func(ctx context.Context) error {
		if err := s.stock.Take(ctx, 1); err != nil {
			return err
		}
		id, err = s.orders.Create(ctx, customer)
		return err
	})
	return id, err
}

// stock is a store that runs single statements.
type stock struct{ db *sqlx.DB }

// Take removes n lamps.
func (s *stock) Take(ctx context.Context, n int64) error {
	done, err := postgres.From(ctx, s.db).ExecContext(ctx, "UPDATE stock SET lamps = lamps - $1 WHERE lamps >= $1", n)
	if err != nil {
		return postgres.WrapError("take from the stock", err)
	}
	if taken, err := done.RowsAffected(); err != nil || taken > 0 {
		return err
	}
	return errSoldOut
}

// orders is a store with transactions of its own.
type orders struct{ db *sqlx.DB }

// Create stores an order.
func (s *orders) Create(ctx context.Context, customer string) (id int64, err error) {
	err = postgres.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &id, "INSERT INTO orders (customer) VALUES ($1) RETURNING id", customer)
	})
	return id, postgres.WrapError("create an order", err)
}

func newShop(t *testing.T, db *sqlx.DB, isolation sql.IsolationLevel) *shop {
	t.Helper()
	mustExec(t, db, `CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, customer text CHECK (customer <> ''))`)
	mustExec(t, db, "CREATE TABLE stock AS SELECT 2 AS lamps")
	return &shop{postgres.Transactions(db, isolation), &stock{db}, &orders{db}}
}

// has checks what is stored, and that no connection is left behind.
func (s *shop) has(t *testing.T, orders, lamps int) {
	t.Helper()
	db := s.stock.db
	devtest.Eventually(t, "all connections are free", func() bool { return db.Stats().InUse == 0 })
	if n, left := get[int](t, db, "SELECT count(*) FROM orders"), get[int](t, db, "SELECT lamps FROM stock"); n != orders || left != lamps {
		t.Errorf("%d orders and %d lamps, want %d and %d", n, left, orders, lamps)
	}
}

func TestTransactions_StoresCommitAndRollBackTogether(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		s := newShop(t, db, sql.LevelDefault)
		if _, err := s.Order(t.Context(), "Ada"); err != nil {
			t.Fatal(err)
		}
		s.has(t, 1, 1)
		if _, err := s.Order(t.Context(), ""); err == nil { // the second store fails
			t.Error("no error")
		}
		s.has(t, 1, 1)
		for _, want := range []error{nil, errSoldOut} { // the last lamp, and none
			if _, err := s.Order(t.Context(), "Max"); !errors.Is(err, want) {
				t.Errorf("error %v, want %v", err, want)
			}
			s.has(t, 2, 0)
		}
	})
}

func TestTransactions_NoPartStaysOfWhatHasFailed(t *testing.T) {
	t.Parallel()
	s := newShop(t, open(t, devtest.EmptyDatabase(t), true), sql.LevelDefault)
	// Within a transaction another one joins it, and its error is not forgotten.
	err := s.transaction(t.Context(), func(ctx context.Context) error {
		_, _ = s.Order(ctx, "Ada")
		_ = s.transaction(ctx, func(ctx context.Context) error { return errors.Join(s.stock.Take(ctx, 1), errSoldOut) })
		return nil
	})
	if !errors.Is(err, errSoldOut) {
		t.Errorf("error %v", err)
	}
	s.has(t, 0, 2)

	func() {
		defer func() { _ = recover() }()
		_ = s.transaction(t.Context(), func(ctx context.Context) error {
			_, _ = s.Order(ctx, "Ada")
			panic("in a transaction")
		})
	}()
	s.has(t, 0, 2)

	err = s.transaction(t.Context(), func(ctx context.Context) error {
		defer func() { _ = recover() }()
		return s.transaction(ctx, func(ctx context.Context) error {
			_, _ = s.Order(ctx, "Ada")
			panic("in a part of a transaction")
		})
	})
	if err == nil {
		t.Error("half of a part is committed")
	}
	s.has(t, 0, 2)

	for _, pause := range []time.Duration{0, 50 * time.Millisecond} { // after which database/sql has rolled it back
		ctx, cancel := context.WithCancel(t.Context())
		err = s.transaction(ctx, func(ctx context.Context) error {
			_, err := s.Order(ctx, "Ada")
			cancel()
			time.Sleep(pause)
			return err
		})
		if !errors.Is(err, context.Canceled) || problem.CodeOf(err) != problem.Unavailable {
			t.Errorf("a cancelled one: error %v", err)
		}
		s.has(t, 0, 2)
	}
}

func TestTransactions_RefusesToJoinAWeakerIsolation(t *testing.T) {
	t.Parallel()
	db := open(t, devtest.EmptyDatabase(t), true)
	level := func(isolation sql.IsolationLevel, do func(ctx context.Context) error) func(ctx context.Context) error {
		return func(ctx context.Context) error { return postgres.Transactions(db, isolation)(ctx, do) }
	}
	done := func(context.Context) error { return nil }
	if err := level(sql.LevelDefault, level(sql.LevelSerializable, done))(t.Context()); err == nil {
		t.Error("a serializable one joins the default")
	}
	for _, outer := range []sql.IsolationLevel{sql.LevelDefault, sql.LevelReadCommitted, sql.LevelSerializable} {
		if err := level(outer, level(sql.LevelReadCommitted, level(sql.LevelDefault, done)))(t.Context()); err != nil {
			t.Errorf("%v: error %v", outer, err)
		}
	}
}

// conflict runs two transactions that cannot both be the first: each takes all that it finds
// after both have looked. It returns how often their function ran, and their errors.
func conflict(t *testing.T, s *shop, inside func(ctx context.Context)) (runs int, errs [2]error) {
	t.Helper()
	var both, done sync.WaitGroup
	var mu sync.Mutex
	both.Add(2)
	for i := range errs {
		looked := sync.OnceFunc(both.Done)
		done.Go(func() {
			errs[i] = s.transaction(t.Context(), func(ctx context.Context) error {
				mu.Lock()
				runs++
				mu.Unlock()
				var lamps int64
				if err := postgres.From(ctx, s.stock.db).GetContext(ctx, &lamps, "SELECT lamps FROM stock"); err != nil {
					return postgres.WrapError("look", err)
				}
				looked()
				both.Wait()
				inside(ctx)
				if err := s.stock.Take(ctx, lamps); err != nil {
					return err
				}
				_, err := s.orders.Create(ctx, "Ada")
				return err
			})
		})
	}
	done.Wait()
	return runs, errs
}

func TestTransactions_RunsAgainAfterASerializationFailure(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		s := newShop(t, db, sql.LevelSerializable)
		runs, errs := conflict(t, s, func(context.Context) {})
		if runs < 3 || errs[0] != nil || errs[1] != nil { // the later one takes the 0 lamps that are left
			t.Errorf("%d runs, errors %v", runs, errs)
		}
		s.has(t, 2, 0)
	})
}

func TestTransactions_RunsOnceIfSomethingElseHasHappened(t *testing.T) {
	t.Parallel()
	s := newShop(t, open(t, devtest.EmptyDatabase(t), true), sql.LevelSerializable)
	runs, errs := conflict(t, s, func(ctx context.Context) { transaction.From(ctx).MarkExternal() })
	failed := errors.Join(errs[0], errs[1])
	if runs != 2 || problem.CodeOf(failed) != problem.Unavailable || errs[0] != nil && errs[1] != nil {
		t.Errorf("%d runs, errors %v", runs, errs)
	}
	s.has(t, 1, 0)
}

func TestTransactions_RunsAgainAfterADeadlock(t *testing.T) {
	t.Parallel()
	db := open(t, devtest.EmptyDatabase(t), true)
	s := newShop(t, db, sql.LevelDefault)
	mustExec(t, db, "CREATE TABLE pair AS SELECT id, 0 AS n FROM generate_series(1, 2) id")
	var locked, done sync.WaitGroup
	locked.Add(2)
	errs := make([]error, 2)
	for i := range errs {
		first := sync.OnceFunc(locked.Done)
		done.Go(func() {
			errs[i] = s.transaction(t.Context(), func(ctx context.Context) error {
				for _, id := range []int{1 + i, 2 - i} { // the other one in the other order
					_, err := postgres.From(ctx, db).ExecContext(ctx, "UPDATE pair SET n = n + 1 WHERE id = $1", id)
					if err != nil {
						return postgres.WrapError("update", err)
					}
					first()
					locked.Wait()
				}
				return nil
			})
		})
	}
	done.Wait()
	if sum := get[int](t, db, "SELECT sum(n) FROM pair"); sum != 4 || errors.Join(errs...) != nil {
		t.Errorf("%d updates, errors %v", sum, errs)
	}
}

func TestTransactions_GivesUpAfterSomeAttempts(t *testing.T) {
	t.Parallel()
	db, runs := open(t, devtest.EmptyDatabase(t), true), 0
	refuse := "DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = 'serialization_failure'; END $$"
	var outcomes []transaction.Outcome
	err := postgres.Transactions(db, sql.LevelDefault)(t.Context(), func(ctx context.Context) error {
		runs++
		transaction.From(ctx).AfterEnd(func(o transaction.Outcome) { outcomes = append(outcomes, o) })
		if end, bounded := ctx.Deadline(); !bounded || time.Until(end) > 30*time.Second {
			t.Error("there is no deadline")
		}
		_, err := postgres.From(ctx, db).ExecContext(ctx, refuse)
		return postgres.WrapError("try", err)
	})
	if runs != 5 || len(outcomes) != 5 || problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("%d runs, outcomes %v, error %v", runs, outcomes, err)
	}
}

func TestTransactions_TellsHowItHasEnded(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		mustExec(t, db, "CREATE TABLE pair (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
		end := func(ctx context.Context, statement string) (outcome transaction.Outcome) {
			outcome = -1
			_ = postgres.Transactions(db, sql.LevelDefault)(ctx, func(ctx context.Context) error {
				transaction.From(ctx).AfterEnd(func(o transaction.Outcome) { outcome = o })
				_, err := postgres.From(ctx, db).ExecContext(ctx, statement)
				return err
			})
			return outcome
		}
		for statement, want := range map[string]transaction.Outcome{
			"INSERT INTO pair VALUES (1)":      transaction.Committed,
			"INSERT INTO pair VALUES (2), (2)": transaction.RolledBack, // at COMMIT
			"INSERT INTO none VALUES (1)":      transaction.RolledBack,
		} {
			if got := end(t.Context(), statement); got != want {
				t.Errorf("%s ends with %v, want %v", statement, got, want)
			}
		}
	})
}

// A server that ends the connection while COMMIT waits has maybe committed.
func TestTransactions_DoesNotKnowWhatALostCommitHasDone(t *testing.T) {
	t.Parallel()
	db := open(t, devtest.EmptyDatabase(t), true)
	mustExec(t, db, "CREATE TABLE pair (id int)")
	mustExec(t, db, "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$")
	mustExec(t, db, "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON pair DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()")
	outcome, runs := transaction.Committed, 0
	err := postgres.Transactions(db, sql.LevelDefault)(t.Context(), func(ctx context.Context) error {
		runs++
		transaction.From(ctx).AfterEnd(func(o transaction.Outcome) { outcome = o })
		_, err := postgres.From(ctx, db).ExecContext(ctx, "INSERT INTO pair VALUES (1)")
		return err
	})
	if outcome != transaction.Unknown || runs != 1 || problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("outcome %v, %d runs, error %v", outcome, runs, err)
	}
}
