package repositories_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

const stockVersion = "SELECT version FROM stock WHERE product_id = $1"

func setStock(t *testing.T, db *sqlx.DB, product, quantity int64) {
	t.Helper()
	if err := repositories.NewStock(db).Set(t.Context(), product, quantity); err != nil {
		t.Fatal(err)
	}
}

func TestStockSet_CreatesThenReplaces(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		product, other := newProduct(t, db, "a"), newProduct(t, db, "other")
		for _, quantity := range []int64{7, 0, 0, 1_000_000_000} {
			setStock(t, db, product, quantity)
			if got := read(t, db, product).Stock; got != quantity {
				t.Errorf("stock %d, want %d", got, quantity)
			}
		}
		if p := read(t, db, other); p.Stock != 0 {
			t.Errorf("the other product has %d", p.Stock)
		}
		if p := read(t, db, product); p.RowVersion != 1 {
			t.Errorf("the stock has moved the product's own version to %d", p.RowVersion)
		}
	})
}

func TestStockSet_VersionRisesThoughTheClockWentBack(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		product := newProduct(t, db, "a")
		setStock(t, db, product, 1)
		future := time.Now().Add(time.Hour).UnixMicro()
		mustExec(t, db, "UPDATE stock SET version = $2 WHERE product_id = $1", product, future)
		for i := range int64(3) {
			setStock(t, db, product, 10+i)
			if got := get[int64](t, db, stockVersion, product); got != future+1+i {
				t.Errorf("version %d, want %d", got, future+1+i)
			}
		}
		if got := read(t, db, product).Stock; got != 12 {
			t.Errorf("stock %d, want the last one written", got)
		}
	})
}

func TestStockSet_ManyAtOnceAllTakeAVersion(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		stock, product, unset := repositories.NewStock(db), newProduct(t, db, "a"), newProduct(t, db, "without a row")
		setStock(t, db, product, 0)
		future := time.Now().Add(time.Hour).UnixMicro()
		mustExec(t, db, "UPDATE stock SET version = $2 WHERE product_id = $1", product, future)
		for _, err := range atOnce(20, func(i int) error {
			return errors.Join(stock.Set(t.Context(), unset, int64(i)), stock.Set(t.Context(), product, int64(i)))
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if got := get[int64](t, db, stockVersion, product); got != future+20 {
			t.Errorf("version %d, want %d", got, future+20)
		}
	})
}

func TestStockSet_RefusesAbsentAndInactiveProducts(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		hidden := newProduct(t, db, "hidden")
		setStock(t, db, hidden, 3)
		deactivate(t, db, hidden)
		for _, id := range []int64{hidden, 1 << 62} {
			if err := repositories.NewStock(db).Set(t.Context(), id, 9); !errors.Is(err, services.ErrNoProduct) {
				t.Errorf("product %d: error %v", id, err)
			}
		}
		if got := read(t, db, hidden).Stock; got != 3 {
			t.Errorf("the inactive product's stock is %d, want 3", got)
		}
	})
}
