package repositories_test

import (
	"slices"
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

// Rows are locked in one order, whatever the order in which they come: else two
// batches wait for each other, and PostgreSQL ends one of them.
func TestStockSetAll_OfManyAtOnceNeverDeadlocks(t *testing.T) {
	db := open(t, devtest.Database(t), true)
	first := newProduct(t, db, "a")
	mustExec(t, db, `INSERT INTO products (name, price_cents, category_id)
		SELECT 'Lamp', 1, category_id FROM products, generate_series(1, 299) WHERE id = $1`, first)
	var ids []int64
	if err := db.SelectContext(t.Context(), &ids, "SELECT id FROM products ORDER BY id"); err != nil {
		t.Fatal(err)
	}
	for _, err := range atOnce(4, func(i int) error {
		var batch []services.StockWrite
		for _, id := range ids {
			batch = append(batch, services.StockWrite{Key: id, Value: 1, Version: 1})
		}
		if i%2 == 1 {
			slices.Reverse(batch)
		}
		for range 30 {
			if _, err := repositories.NewStock(db).SetAll(t.Context(), batch); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Error(err)
		}
	}
}

// A product may become inactive while its stock waits. What is stored waits no more.
func TestStockSetAll_StoresForInactiveProductsToo(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		hidden := newProduct(t, db, "hidden")
		deactivate(t, db, hidden)
		rejected, err := repositories.NewStock(db).SetAll(t.Context(), []services.StockWrite{{Key: hidden, Value: 7, Version: 3}})
		if err != nil || len(rejected.Stale)+len(rejected.Invalid) > 0 {
			t.Errorf("the rejected writes are %+v, %v", rejected, err)
		}
		if got := get[int64](t, db, "SELECT quantity FROM stock WHERE product_id = $1", hidden); got != 7 {
			t.Errorf("%d is stored", got)
		}
	})
}
