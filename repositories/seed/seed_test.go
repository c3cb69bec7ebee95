package seed_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/seed"
)

func TestMain(m *testing.M) { devtest.Main(m, repositories.Migrations) }

var tables = []string{"users", "categories", "products", "stock", "reviews"}

func TestCatalogue_IsTheSameEverywhere(t *testing.T) {
	// The second as behind a pooler, where parameters travel in another form.
	first, second := open(t, true), open(t, false)
	fill(t, first, 2500)
	fill(t, second, 2500)
	if a, b := checksums(t, first), checksums(t, second); !slices.Equal(a, b) {
		t.Errorf("checksums of %v differ: %v and %v", tables, a, b)
	}
}

func TestCatalogue_ChangesNothingTheSecondTime(t *testing.T) {
	db := open(t, true)
	fill(t, db, 300)
	before := checksums(t, db)
	if err := seed.Catalogue(t.Context(), db, seed.Options{Products: 500}); !errors.Is(err, seed.ErrNotEmpty) {
		t.Errorf("error %v, want ErrNotEmpty", err)
	}
	if after := checksums(t, db); !slices.Equal(before, after) {
		t.Error("the second seed has changed something")
	}
}

func TestCatalogue_IsFilledByOneOfTwoAtOnce(t *testing.T) {
	db := open(t, true)
	results := make(chan error)
	for range 2 {
		go func() { results <- seed.Catalogue(t.Context(), db, seed.Options{Products: 1000}) }()
	}
	one, other := <-results, <-results
	if one != nil { // who waited may well return first
		one, other = other, one
	}
	if one != nil || !errors.Is(other, seed.ErrNotEmpty) {
		t.Errorf("errors %v and %v, want none and ErrNotEmpty", one, other)
	}
	if n := count(t, db, "SELECT count(*) FROM products"); n != 1000 {
		t.Errorf("%d products, want 1000", n)
	}
}

func TestCatalogue_LeavesNothingWhenCancelled(t *testing.T) {
	db, fresh := open(t, true), open(t, true)
	interrupted := func(ctx context.Context, o seed.Options, want error) {
		t.Helper()
		if err := seed.Catalogue(ctx, db, o); !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
		for _, table := range tables {
			if n := count(t, db, "SELECT count(*) FROM "+table); n != 0 {
				t.Errorf("%d rows in %s", n, table)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	interrupted(ctx, seed.Options{Products: 5000, Progress: func(done, _ int) {
		if done >= 2000 {
			cancel()
		}
	}}, context.Canceled)
	for _, d := range []time.Duration{20, 75, 130, 210} { // wherever that hits: amid a COPY, mostly
		ctx, cancel := context.WithTimeout(t.Context(), d*time.Millisecond)
		interrupted(ctx, seed.Options{Products: 200_000}, context.DeadlineExceeded)
		cancel()
	}

	fill(t, db, 300)
	fill(t, fresh, 300)
	if a, b := checksums(t, db), checksums(t, fresh); !slices.Equal(a, b) {
		t.Error("a seed after cancelled ones gives other rows")
	}
}

func TestCatalogue_ReportsProgressUpToTheTotal(t *testing.T) {
	var seen []int
	err := seed.Catalogue(t.Context(), open(t, true), seed.Options{Products: 2300, Progress: func(done, total int) {
		if total != 2300 {
			t.Errorf("total %d, want 2300", total)
		}
		seen = append(seen, done)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 2 || !slices.IsSorted(seen) || seen[len(seen)-1] != 2300 {
		t.Errorf("progress %v, want rising to 2300", seen)
	}
}

func TestCatalogue_RefusesImpossibleSizes(t *testing.T) {
	for _, n := range []int{-1, 0, seed.MaxProducts + 1} {
		if err := seed.Catalogue(t.Context(), nil, seed.Options{Products: n}); err == nil {
			t.Errorf("%d products: no error", n)
		}
	}
}

func open(t *testing.T, prepared bool) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(postgres.Options{
		URL: devtest.Database(t), MaxConns: 4, Prepared: prepared,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func fill(t *testing.T, db *sqlx.DB, products int) {
	t.Helper()
	if err := seed.Catalogue(t.Context(), db, seed.Options{Products: products}); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, db *sqlx.DB, query string) (n int) {
	t.Helper()
	if err := db.GetContext(t.Context(), &n, query); err != nil {
		t.Fatal(err)
	}
	return n
}

func checksums(t *testing.T, db *sqlx.DB) []string {
	t.Helper()
	sums := make([]string, len(tables))
	for i, table := range tables {
		query := "SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM " + table + " t"
		if err := db.GetContext(t.Context(), &sums[i], query); err != nil {
			t.Fatal(err)
		}
	}
	return sums
}
