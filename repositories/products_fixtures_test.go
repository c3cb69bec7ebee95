package repositories_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

func newCategory(t *testing.T, db *sqlx.DB, name string) int64 {
	t.Helper()
	return get[int64](t, db, "INSERT INTO categories (name) VALUES ($1) RETURNING id", name)
}

// newProduct creates an active product in a category of its own.
func newProduct(t *testing.T, db *sqlx.DB, name string) int64 {
	t.Helper()
	return newProductIn(t, db, newCategory(t, db, "of "+name), name)
}

func newProductIn(t *testing.T, db *sqlx.DB, category int64, name string) int64 {
	t.Helper()
	product, err := repositories.NewProducts(db).Create(t.Context(), services.ProductFields{
		Name: &name, PriceCents: new(int64(1250)), CategoryID: &category,
	})
	if err != nil {
		t.Fatal(err)
	}
	return product.ID
}

func deactivate(t *testing.T, db *sqlx.DB, id int64) {
	t.Helper()
	if err := repositories.NewProducts(db).Deactivate(t.Context(), id, 0); err != nil {
		t.Fatal(err)
	}
}

func rows[T any](t *testing.T, db *sqlx.DB, query string) (all []T) {
	t.Helper()
	if err := db.SelectContext(t.Context(), &all, query); err != nil || len(all) == 0 {
		t.Fatalf("%s: %d rows, %v", query, len(all), err)
	}
	return all
}

func get[T any](t *testing.T, db *sqlx.DB, query string, args ...any) (value T) {
	t.Helper()
	if err := db.GetContext(t.Context(), &value, query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func equal[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Error(what, fmt.Sprintf("are %v, want %v", got, want))
	}
}
