package repositories_test

import (
	"errors"
	"sync/atomic"
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
	setStock(t, db, id, 5)
	review(t, db, id, author, 5)
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

const allProducts = "SELECT id FROM products ORDER BY id"

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
		equal(t, "the products that are left", rows[int64](t, db, allProducts), []int64{active, recent})
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

func TestProductsPrune_RemovesNoMoreThanAskedAndNothingThatIsLocked(t *testing.T) {
	db := open(t, devtest.Database(t), true)
	locked := deletedAgo(t, db, "locked", 2*time.Hour)
	for _, name := range []string{"a", "b", "c"} {
		deletedAgo(t, db, name, 2*time.Hour)
	}
	tx := db.MustBeginTx(t.Context(), nil)
	defer func() { _ = tx.Rollback() }()
	tx.MustExecContext(t.Context(), "SELECT FROM products WHERE id = $1 FOR KEY SHARE", locked)
	for _, want := range []int64{2, 1, 0} {
		if n := prune(t, db, 2); n != want {
			t.Errorf("%d were removed, want %d", n, want)
		}
	}
	equal(t, "the products that are left", rows[int64](t, db, allProducts), []int64{locked})
}

func TestProductsPrune_SeveralAtOnceRemoveEachOnce(t *testing.T) {
	db := open(t, devtest.Database(t), true)
	mustExec(t, db, `INSERT INTO products (name, price_cents, category_id, active, updated_at)
		SELECT 'p', 1, $1, false, now() - interval '1 year' FROM generate_series(1, 2500)`, newCategory(t, db, "many"))
	var removed atomic.Int64
	again := func(int) error {
		n, err := services.NewProducts(repositories.NewProducts(db)).Prune(t.Context(), time.Now())
		removed.Add(n)
		return err
	}
	// What one of them has locked, the others leave to the next time.
	if err := errors.Join(append(atOnce(4, again), again(0))...); err != nil || removed.Load() != 2500 {
		t.Errorf("%d were removed of 2500, %v", removed.Load(), err)
	}
}
