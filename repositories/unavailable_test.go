package repositories_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// storeCalls are one call of each method that asks PostgreSQL.
func storeCalls(db *sqlx.DB) map[string]func(context.Context) error {
	products, reviews, categories := repositories.NewProducts(db), repositories.NewReviews(db), repositories.NewCategories(db)
	stock, users := repositories.NewStock(db), repositories.NewUsers(db)
	fields := services.ProductFields{Name: new("a"), PriceCents: new(int64(1)), CategoryID: new(int64(1))}
	only := func(_ any, err error) error { return err }
	return map[string]func(context.Context) error{
		"Categories.List": func(ctx context.Context) error { return only(categories.List(ctx, 1)) },
		"Products.List": func(ctx context.Context) error {
			return only(products.List(ctx, 0, services.ProductPosition{}, 1))
		},
		"Products.Batch":       func(ctx context.Context) error { return only(products.Batch(ctx, []int64{1})) },
		"Products.Get":         func(ctx context.Context) error { return only(products.Get(ctx, 1)) },
		"Products.Stock":       func(ctx context.Context) error { return only(products.Stock(ctx, 1)) },
		"Products.Count":       func(ctx context.Context) error { return only(products.Count(ctx)) },
		"Products.CheckActive": func(ctx context.Context) error { return products.CheckActive(ctx, 1) },
		"Products.Create":      func(ctx context.Context) error { return only(products.Create(ctx, fields)) },
		"Products.Update":      func(ctx context.Context) error { return only(products.Update(ctx, 1, 0, fields)) },
		"Products.Deactivate":  func(ctx context.Context) error { return products.Deactivate(ctx, 1, 0) },
		"Products.Prune":       func(ctx context.Context) error { return only(products.Prune(ctx, time.Now(), 1)) },
		"Products.Export": func(ctx context.Context) (last error) {
			for _, err := range products.Export(ctx) {
				last = err
			}
			return last
		},
		"Reviews.Create": func(ctx context.Context) error {
			return only(reviews.Create(ctx, 1, services.User{ID: 1}, 1, "a"))
		},
		"Reviews.Exists": func(ctx context.Context) error { return only(reviews.Exists(ctx, 1, 1)) },
		"Stock.Set":      func(ctx context.Context) error { return stock.Set(ctx, 1, 1) },
		"Stock.SetAll": func(ctx context.Context) error {
			return only(stock.SetAll(ctx, []services.StockWrite{{Key: 1, Value: 1, Version: 1}}))
		},
		"Users.Get":     func(ctx context.Context) error { return only(users.Get(ctx, 1)) },
		"Users.ByEmail": func(ctx context.Context) error { return only(users.ByEmail(ctx, "a@example.com")) },
		"Users.Create":  func(ctx context.Context) error { return only(users.Create(ctx, services.User{Role: services.Member})) },
	}
}

func TestStores_ReportAClosedServerAsUnavailableAndRecover(t *testing.T) {
	server := devtest.OwnPostgres(t)
	pools := map[string]*sqlx.DB{"prepared": open(t, server.URL, true), "unprepared": open(t, server.URL, false)}
	for _, db := range pools {
		if _, err := repositories.NewProducts(db).Count(t.Context()); err != nil { // so that it holds a connection
			t.Fatal(err)
		}
	}
	server.Stop()
	for mode, db := range pools {
		for name, call := range storeCalls(db) {
			if err := call(t.Context()); !errors.Is(err, problem.ErrUnavailable) {
				t.Errorf("%s, %s: error %v", mode, name, err)
			}
		}
	}
	server.Start()
	for mode, db := range pools {
		if _, err := repositories.NewProducts(db).Count(t.Context()); err != nil {
			t.Errorf("%s, after the restart: %v", mode, err)
		}
	}
}

// The tables are locked, so that every statement waits until its context ends.
func TestStores_ReportAnEndedContextAsUnavailable(t *testing.T) {
	for mode, prepared := range map[string]bool{"prepared": true, "unprepared": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			url := devtest.Database(t)
			db, other := open(t, url, prepared), open(t, url, true)
			tx := other.MustBeginTx(t.Context(), nil)
			t.Cleanup(func() { _ = tx.Rollback() })
			tx.MustExecContext(t.Context(), "LOCK TABLE users, categories, products, stock, reviews")

			for name, call := range storeCalls(db) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				err := call(ctx)
				cancel()
				if !errors.Is(err, problem.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s, deadline: error %v", name, err)
				}

				ctx, cancel = context.WithCancel(t.Context())
				go func() {
					awaitBlocked(ctx, other)
					cancel()
				}()
				err = call(ctx)
				cancel()
				if !errors.Is(err, problem.ErrUnavailable) || !errors.Is(err, context.Canceled) {
					t.Errorf("%s, cancelled: error %v", name, err)
				}
			}
		})
	}
}

// awaitBlocked returns when a statement waits for a lock in db.
func awaitBlocked(ctx context.Context, db *sqlx.DB) {
	const waiting = `SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE a.datname = current_database() AND NOT l.granted`
	for n := 0; n == 0; {
		if err := db.GetContext(ctx, &n, waiting); err != nil {
			return
		}
	}
}
