package repositories_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// storeCalls are one call of each method that asks PostgreSQL.
func storeCalls(db *sqlx.DB) map[string]func(context.Context) error {
	products, reviews, categories := repositories.NewProducts(db), repositories.NewReviews(db), repositories.NewCategories(db)
	stock, users, tokens := repositories.NewStock(db), repositories.NewUsers(db), repositories.NewTokens(db)
	fields := services.ProductFields{Name: new("a"), PriceCents: new(int64(1)), CategoryID: new(int64(1))}
	only := func(_ any, err error) error { return err }
	return map[string]func(context.Context) error{
		"Categories.List": func(ctx context.Context) error { return only(categories.List(ctx, 1)) },
		"Products.List": func(ctx context.Context) error {
			return only(products.List(ctx, services.ProductFilter{Limit: 1}))
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
		"Users.List":    func(ctx context.Context) error { return only(users.List(ctx, 0, 1)) },
		"Users.Create":  func(ctx context.Context) error { return only(users.Create(ctx, services.User{Role: services.Member})) },
		"Users.SetRole": func(ctx context.Context) error { return only(users.SetRole(ctx, 1, services.Admin)) },
		"Tokens.Create": func(ctx context.Context) error {
			return only(tokens.Create(ctx, services.Token{Scope: services.ScopeRead, ExpiresAt: time.Now()}))
		},
		"Tokens.List":    func(ctx context.Context) error { return only(tokens.List(ctx, 1)) },
		"Tokens.Get":     func(ctx context.Context) error { return only(tokens.Get(ctx, 1, 1)) },
		"Tokens.Find":    func(ctx context.Context) error { return only(tokens.Find(ctx, "a")) },
		"Tokens.Delete":  func(ctx context.Context) error { return tokens.Delete(ctx, 1, 1) },
		"Tokens.SetUsed": func(ctx context.Context) error { return tokens.SetUsed(ctx, []int64{1}, time.Now()) },
		"Users.Delete":   func(ctx context.Context) error { return users.Delete(ctx, 1, 0) },
	}
}

// The tables are locked, so that every statement waits until its context ends. What else is
// an outage, postgres.WrapError's tests show.
func TestStores_ReportAnEndedContextAsUnavailable(t *testing.T) {
	url := devtest.Database(t)
	tx := open(t, url, true).MustBeginTx(t.Context(), nil)
	t.Cleanup(func() { _ = tx.Rollback() })
	tx.MustExecContext(t.Context(), "LOCK TABLE users, api_tokens, categories, products, stock, reviews")

	for _, prepared := range []bool{true, false} {
		db := openPool(t, postgres.Options{URL: url, MaxConns: 32, Prepared: prepared})
		for _, want := range []error{context.DeadlineExceeded, context.Canceled} {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			if errors.Is(want, context.Canceled) {
				ctx, cancel = context.WithCancel(t.Context())
				time.AfterFunc(200*time.Millisecond, cancel)
			}
			var calls sync.WaitGroup
			for name, call := range storeCalls(db) {
				calls.Go(func() {
					if err := call(ctx); !errors.Is(err, problem.ErrUnavailable) || !errors.Is(err, want) {
						t.Errorf("%s, prepared %t: error %v, want %v", name, prepared, err, want)
					}
				})
			}
			calls.Wait()
			cancel()
		}
	}
}
