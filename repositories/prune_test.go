package repositories_test

import (
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

// deletedAgo creates a product with stock and a review, deleted some time ago.
func deletedAgo(t *testing.T, db *sqlx.DB, name string, ago time.Duration) int64 {
	t.Helper()
	id, author := newProduct(t, db, name), newUser(t, db, name+"@example.com")
	if err := repositories.NewStock(db).Set(t.Context(), id, 5); err != nil {
		t.Fatal(err)
	}
	if _, err := repositories.NewReviews(db).Create(t.Context(), id, author, 5, "good"); err != nil {
		t.Fatal(err)
	}
	deactivate(t, db, id)
	mustExec(t, db, "UPDATE products SET updated_at = $2 WHERE id = $1", id, time.Now().Add(-ago))
	return id
}

func prune(t *testing.T, db *sqlx.DB, limit int) int64 {
	t.Helper()
	n, err := repositories.NewProducts(db).Prune(t.Context(), time.Now().Add(-time.Hour), limit)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func left(t *testing.T, db *sqlx.DB) []int64 {
	t.Helper()
	var ids []int64
	if err := db.SelectContext(t.Context(), &ids, "SELECT id FROM products ORDER BY id"); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestProductsPrune_RemovesWhatWasDeletedLongAgoWithAllThatBelongsToIt(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		active := newProduct(t, db, "active")
		mustExec(t, db, "UPDATE products SET updated_at = now() - interval '1 year'")
		deletedAgo(t, db, "old", 61*time.Minute)
		recent := deletedAgo(t, db, "recent", 59*time.Minute)
		deletedAgo(t, db, "older", 24*365*time.Hour)
		if n := prune(t, db, 1000); n != 2 {
			t.Errorf("%d were removed, want 2", n)
		}
		equal(t, "the products that are left", left(t, db), []int64{active, recent})
		for _, table := range []string{"stock", "reviews"} {
			if n := get[int](t, db, "SELECT count(*) FROM "+table); n != 1 {
				t.Errorf("%d rows are left in %s, want 1", n, table)
			}
		}
		if n := get[int](t, db, "SELECT count(*) FROM users"); n != 3 {
			t.Errorf("%d users are left, want all 3", n)
		}
		if n := prune(t, db, 1000); n != 0 {
			t.Errorf("%d were removed the second time", n)
		}
	})
}

func TestProductsPrune_RemovesNoMoreThanAsked(t *testing.T) {
	db := open(t, devtest.Database(t), true)
	for _, name := range []string{"a", "b", "c"} {
		deletedAgo(t, db, name, 2*time.Hour)
	}
	for _, want := range []int64{2, 1, 0} {
		if n := prune(t, db, 2); n != want {
			t.Errorf("%d were removed, want %d", n, want)
		}
	}
}

func TestProductsPrune_LeavesOutWhatSomebodyElseHasLocked(t *testing.T) {
	db := open(t, devtest.Database(t), true)
	first := deletedAgo(t, db, "first", 2*time.Hour)
	deletedAgo(t, db, "second", 2*time.Hour)
	tx, err := db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), "SELECT FROM products WHERE id = $1 FOR KEY SHARE", first); err != nil {
		t.Fatal(err)
	}
	if n := prune(t, db, 1); n != 1 {
		t.Errorf("%d were removed, want the one that is free", n)
	}
	equal(t, "the products that are left", left(t, db), []int64{first})
}

func TestProductsPrune_SeveralAtOnceRemoveEachOnce(t *testing.T) {
	db := open(t, devtest.Database(t), true)
	category := newCategory(t, db, "many")
	mustExec(t, db, `INSERT INTO products (name, price_cents, category_id, active, updated_at)
		SELECT 'p', 1, $1, false, now() - interval '1 year' FROM generate_series(1, 2500)`, category)
	removed := make([]int64, 4)
	for _, err := range atOnce(len(removed), func(i int) error {
		n, err := services.NewProducts(repositories.NewProducts(db)).Prune(t.Context(), time.Now())
		removed[i] = n
		return err
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	sum := int64(0)
	for _, n := range removed {
		sum += n
	}
	if n := len(left(t, db)); int64(n)+sum != 2500 {
		t.Errorf("%v were removed, %d are left, of 2500", removed, n)
	}
	if n, err := services.NewProducts(repositories.NewProducts(db)).Prune(t.Context(), time.Now()); err != nil || n+sum != 2500 {
		t.Errorf("the next time removes %d, %v", n, err)
	}
}
