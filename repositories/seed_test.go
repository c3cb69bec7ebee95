package repositories_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

func seed(t *testing.T, db *sqlx.DB, products int) {
	t.Helper()
	if err := repositories.Seed(t.Context(), db, repositories.SeedOptions{Products: products}); err != nil {
		t.Fatal(err)
	}
}

// checksums returns one of each table's rows.
func checksums(t *testing.T, db *sqlx.DB) (sums []string) {
	t.Helper()
	for _, table := range []string{"users", "categories", "products", "stock", "reviews"} {
		sums = append(sums, get[string](t, db, "SELECT coalesce(md5(string_agg(t::text, ' ' ORDER BY t::text)), '') FROM "+table+" t"))
	}
	return sums
}

func TestSeed_IsTheSameEverywhereAndHappensOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	// The second as behind a pooler, where parameters travel in another form.
	first, second := open(t, devtest.Database(t), true), open(t, devtest.Database(t), false)
	empty := checksums(t, first)
	ctx, cancel := context.WithCancel(t.Context())
	err := repositories.Seed(ctx, first, repositories.SeedOptions{Products: 1100, Progress: func(int, int) { cancel() }})
	if !errors.Is(err, context.Canceled) || !slices.Equal(checksums(t, first), empty) {
		t.Errorf("a cancelled one ends with %v and leaves rows", err)
	}
	var seen []int
	err = repositories.Seed(t.Context(), first, repositories.SeedOptions{Products: 1100, Progress: func(done, _ int) {
		seen = append(seen, done)
	}})
	if err != nil || !slices.Equal(seen, []int{1000, 1100}) {
		t.Fatalf("error %v; the progress is %v", err, seen)
	}
	seed(t, second, 1100)
	before := checksums(t, first)
	if other := checksums(t, second); !slices.Equal(before, other) {
		t.Errorf("the checksums differ: %v and %v", before, other)
	}
	err = repositories.Seed(t.Context(), first, repositories.SeedOptions{Products: 500})
	if !errors.Is(err, repositories.ErrNotEmpty) || !slices.Equal(before, checksums(t, first)) {
		t.Errorf("the second time: error %v", err)
	}
	for _, n := range []int{-1, 0, repositories.MaxSeedProducts + 1} {
		if err := repositories.Seed(t.Context(), nil, repositories.SeedOptions{Products: n}); err == nil {
			t.Errorf("%d products: no error", n)
		}
	}
}

func TestSeed_OneOfTwoAtOnceFills(t *testing.T) {
	db := open(t, devtest.Database(t), true)
	errs := atOnce(2, func(int) error {
		return repositories.Seed(t.Context(), db, repositories.SeedOptions{Products: 100})
	})
	if n := get[int](t, db, "SELECT count(*) FROM products"); (errs[0] == nil) == (errs[1] == nil) || n != 100 ||
		!errors.Is(errors.Join(errs...), repositories.ErrNotEmpty) {
		t.Errorf("%d products, errors %v, want none and ErrNotEmpty", n, errs)
	}
}

// The rows go past the services, so the services' own rules are asked here.
func TestSeed_RowsKeepTheRules(t *testing.T) {
	db := open(t, devtest.Database(t), true)
	seed(t, db, 1000)
	for what, query := range map[string]string{
		"reviewers who can sign in": `SELECT count(*) FROM users WHERE password_hash <> ''`,
		"reviews not after their product": `SELECT count(*) FROM reviews r JOIN products p ON p.id = r.product_id
			WHERE r.created_at <= p.created_at`,
		"products older than their predecessor": `SELECT count(*) FROM products p JOIN products q ON q.id = p.id + 1
			WHERE q.created_at < p.created_at`,
		"products in the future": `SELECT count(*) FROM products WHERE greatest(created_at, updated_at) > '2026-07-01Z'`,
		"placeholders left": `SELECT count(*) FROM products, reviews WHERE product_id = products.id
			AND name || description || body ~ '[{}%]'`,
	} {
		if n := get[int](t, db, query); n > 0 {
			t.Errorf("%s: %d", what, n)
		}
	}
	products, reviews := services.NewProducts(agree{}), services.NewReviews(agreeToReviews{})
	stock := services.NewStock(nil, agreeToStock{}, agree{}, 1)
	for _, p := range rows[services.ProductFields](t, db, `SELECT name, description, price_cents, category_id FROM products`) {
		if _, err := products.Create(t.Context(), p); err != nil || strings.TrimSpace(*p.Name) != *p.Name {
			t.Errorf("%q for %d: %v", *p.Name, *p.PriceCents, err)
		}
	}
	for _, quantity := range rows[int64](t, db, `SELECT quantity FROM stock`) {
		if err := stock.Set(t.Context(), 1, quantity); err != nil {
			t.Errorf("stock %d: %v", quantity, err)
		}
	}
	for _, r := range rows[services.ReviewFields](t, db, `SELECT rating, body FROM reviews`) {
		if _, err := reviews.Create(t.Context(), 1, services.User{}, r); err != nil {
			t.Errorf("%q: %v", *r.Body, err)
		}
	}
}

func TestSeed_LeavesRoomForMore(t *testing.T) {
	db := open(t, devtest.Database(t), true)
	mustExec(t, db, `INSERT INTO users (email, name, password_hash) VALUES ('ada@prefab.example', 'Ada', 'x')`)
	mustExec(t, db, `INSERT INTO categories (name) VALUES ('Garden'), ('Cheese')`)
	seed(t, db, 200)
	if n := get[int](t, db, `SELECT count(*) FROM users WHERE id = 1 AND name = 'Ada'`); n != 1 {
		t.Error("the user who was there is not there any more")
	}
	if n := get[int](t, db, `SELECT count(*) FROM categories`); n != 13 {
		t.Errorf("%d categories, want 12 and the cheese", n)
	}
	for _, insert := range []string{ // each fails on an id that is taken
		`INSERT INTO users (email, name, password_hash) VALUES ('eve@prefab.example', 'Eve', 'x')`,
		`INSERT INTO categories (name) VALUES ('Bread')`,
		`INSERT INTO products (name, price_cents, category_id) VALUES ('Rye', 450, 1)`,
		`INSERT INTO reviews (product_id, user_id, rating, body) VALUES (201, 1, 5, 'Good.')`,
	} {
		mustExec(t, db, insert)
	}
}

// agree is a store that takes whatever the rules let through.
type agree struct{ services.ProductStore }

func (agree) Create(context.Context, services.ProductFields) (services.Product, error) {
	return services.Product{}, nil
}
func (agree) CheckActive(context.Context, int64) error { return nil }

type agreeToStock struct{ services.StockBuffer }

func (agreeToStock) Put(context.Context, int64, int64) (int, error) { return 1, nil }

type agreeToReviews struct{ services.ReviewStore }

func (agreeToReviews) Create(context.Context, int64, services.User, int64, string) (services.Review, error) {
	return services.Review{}, nil
}
