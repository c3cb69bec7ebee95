package repositories_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// threeAlike creates three products per moment of creation, and returns all ids
// in the order of the list: the newest moment first, the highest id first.
func threeAlike(t *testing.T, db *sqlx.DB, category int64, moments ...time.Time) (ids []int64) {
	t.Helper()
	for i, moment := range moments {
		for j := range 3 {
			id := newProductIn(t, db, category, fmt.Sprint("product ", i, j))
			mustExec(t, db, "UPDATE products SET created_at = $2 WHERE id = $1", id, moment)
			ids = append(ids, id)
		}
	}
	slices.Reverse(ids)
	return ids
}

// walk reads the whole list, page by page.
func walk(t *testing.T, db *sqlx.DB, category int64, limit int) (ids []int64) {
	t.Helper()
	var after services.ProductPosition
	for range 100 {
		page, err := repositories.NewProducts(db).List(t.Context(), services.ProductFilter{CategoryID: category, After: after, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > limit {
			t.Fatalf("%d products, want %d at most", len(page), limit)
		}
		if len(page) == 0 {
			return ids
		}
		for _, p := range page {
			ids = append(ids, p.ID)
		}
		last := page[len(page)-1]
		after = services.ProductPosition{CreatedAt: last.CreatedAt, ID: last.ID}
	}
	t.Fatal("the list has no end")
	return nil
}

func TestProductsList_IsNewestFirstAndLosesNoneOfTheSameMoment(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		old := time.Date(2020, 2, 29, 12, 0, 0, 123456000, time.UTC)
		want := threeAlike(t, db, newCategory(t, db, "a"), old, old.Add(time.Microsecond), old.Add(time.Hour))
		for _, limit := range []int{1, 2, 3, 4, 9, 100} {
			equal(t, fmt.Sprintf("the ids in pages of %d", limit), walk(t, db, 0, limit), want)
		}
	})
}

func TestProductsList_IsOfOneCategory(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		now := time.Now().Truncate(time.Microsecond)
		one, other := newCategory(t, db, "one"), newCategory(t, db, "other")
		want := threeAlike(t, db, one, now.Add(-time.Hour), now)
		threeAlike(t, db, other, now)
		for _, limit := range []int{1, 2, 100} {
			equal(t, fmt.Sprintf("the ids in pages of %d", limit), walk(t, db, one, limit), want)
		}
		equal(t, "the ids of an unknown category", walk(t, db, 1<<62, 10), nil)
	})
}

func TestProductsListAndCount_LeaveOutInactiveOnes(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		category := newCategory(t, db, "a")
		kept, hidden := newProductIn(t, db, category, "kept"), newProductIn(t, db, category, "hidden")
		deactivate(t, db, hidden)
		equal(t, "the ids", walk(t, db, 0, 10), []int64{kept})
		equal(t, "the category's ids", walk(t, db, category, 10), []int64{kept})
		if n, err := repositories.NewProducts(db).Count(t.Context()); n != 1 || err != nil {
			t.Errorf("count %d, error %v", n, err)
		}
	})
}

func TestProductsBatch_GivesEachOnceWithItsOwnReviews(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		category := newCategory(t, db, "a")
		one, other := newProductIn(t, db, category, "one"), newProductIn(t, db, category, "other")
		hidden := newProductIn(t, db, category, "hidden")
		review(t, db, one, newUser(t, db, "a@example.com"), 4)
		review(t, db, hidden, newUser(t, db, "b@example.com"), 2)
		deactivate(t, db, hidden)

		found, err := repositories.NewProducts(db).Batch(t.Context(), []int64{other, one, one, hidden, 1 << 62})
		if err != nil {
			t.Fatal(err)
		}
		reviews, active := map[int64]int{}, map[int64]bool{}
		for _, p := range found {
			reviews[p.ID], active[p.ID] = len(p.Reviews), p.Active
		}
		if len(found) != 3 || reviews[one] != 1 || reviews[other] != 0 || reviews[hidden] != 1 {
			t.Errorf("%d products with reviews %v", len(found), reviews)
		}
		if !active[one] || !active[other] || active[hidden] {
			t.Errorf("active are %v", active)
		}
	})
}

func TestProductsGet_HoldsTheWholeProduct(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		id := newProduct(t, db, "Lamp")
		if err := repositories.NewStock(db).Set(t.Context(), id, 42); err != nil {
			t.Fatal(err)
		}
		p, err := repositories.NewProducts(db).Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if p.ID != id || p.Name != "Lamp" || p.Description != "" || p.PriceCents != 1250 || p.Stock != 42 ||
			p.Category.Name != "of Lamp" || !p.Active || p.RowVersion != 1 || p.Rating != (services.Rating{}) {
			t.Errorf("got %+v", p)
		}
		if p.Reviews == nil || p.CreatedAt.IsZero() || !p.UpdatedAt.Equal(p.CreatedAt) {
			t.Errorf("reviews %v, created %v, updated %v", p.Reviews, p.CreatedAt, p.UpdatedAt)
		}
		if _, err := repositories.NewProducts(db).Get(t.Context(), 1<<62); problem.CodeOf(err) != problem.NotFound {
			t.Errorf("an absent product: error %v", err)
		}
	})
}

func TestProductsExport_HoldsAllOfEachByIDToTheMicrosecond(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		category := newCategory(t, db, "Lamps")
		var want []services.ExportedProduct
		for i, created := range []time.Time{
			time.Date(2026, 1, 31, 23, 59, 59, 123_456_000, time.UTC),
			time.Date(1969, 7, 20, 20, 17, 40, 1000, time.UTC),
			time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		} {
			p := services.ExportedProduct{
				ID: newProductIn(t, db, category, "灯"), Name: "灯", Description: "Light.", PriceCents: 1250, Active: i > 0,
				Category: services.Category{ID: category, Name: "Lamps"}, Stock: int64(i),
				CreatedAt: created, UpdatedAt: created.Truncate(time.Hour),
			}
			if i > 0 { // the first has no row
				setStock(t, db, p.ID, p.Stock)
			}
			mustExec(t, db, "UPDATE products SET active = $2, created_at = $3, updated_at = $4, description = $5 WHERE id = $1",
				p.ID, p.Active, p.CreatedAt, p.UpdatedAt, p.Description)
			want = append(want, p)
		}
		var got []services.ExportedProduct
		for p, err := range repositories.NewProducts(db).Export(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p)
		}
		equal(t, "the products", got, want)
	})
}
