package repositories_test

import (
	"slices"
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// Rows are locked in one order, whatever the order in which they come: else two
// batches wait for each other, and PostgreSQL ends one of them.
func TestStockSetAll_OfManyAtOnceNeverDeadlocks(t *testing.T) {
	db := open(t, devtest.Database(t), true)
	first := newProduct(t, db, "a")
	mustExec(t, db, `INSERT INTO products (name, price_cents, category_id)
		SELECT 'Lamp', 1, category_id FROM products, generate_series(1, 299) WHERE id = $1`, first)
	for _, err := range atOnce(4, func(i int) error {
		var batch []services.StockWrite
		for _, id := range rows[int64](t, db, allProducts) {
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

func TestStockSetAll_RejectsWhatIsOlderOrMissingAndStoresTheRest(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		stock, newer, same, older := repositories.NewStock(db), newProduct(t, db, "a"), newProduct(t, db, "b"), newProduct(t, db, "c")
		const absent = 1 << 62
		for _, batch := range [][]services.StockWrite{
			{{Key: newer, Value: 1, Version: 5}, {Key: same, Value: 1, Version: 5}, {Key: older, Value: 1, Version: 5}},
			{
				{Key: newer, Value: 2, Version: 6}, {Key: same, Value: 2, Version: 5}, {Key: older, Value: 2, Version: 4},
				{Key: absent, Value: 2, Version: 6},
			},
		} {
			rejected, err := stock.SetAll(t.Context(), batch)
			if n := len(batch) / 4; err != nil || len(rejected.Stale) != n || len(rejected.Missing) != n || len(rejected.Invalid) > 0 ||
				n > 0 && (rejected.Stale[older] != 5 || !rejected.Missing[absent]) {
				t.Errorf("of %v rejected are %+v, %v", batch, rejected, err)
			}
		}
		_, err := stock.SetAll(t.Context(), []services.StockWrite{{Key: newer, Value: 3, Version: 7}, {Key: same, Value: -1, Version: 7}})
		if problem.CodeOf(err) != problem.Invalid {
			t.Errorf("a batch with a bad value: %v", err)
		}
		equal(t, "the quantities", rows[int64](t, db, "SELECT quantity FROM stock ORDER BY product_id"), []int64{2, 2, 1})
		equal(t, "the versions", rows[int64](t, db, "SELECT version FROM stock ORDER BY product_id"), []int64{6, 5, 5})
	})
}
