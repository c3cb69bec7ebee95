package repositories

import (
	"context"
	"database/sql"
	"errors"

	"example.com/prefab/services"
)

const createProduct = `-- name: products.create
INSERT INTO products (name, description, price_cents, category_id)
VALUES ($1, coalesce($2, ''), $3, $4) RETURNING id`

// Create is part of services.ProductStore.
func (s *Products) Create(ctx context.Context, f services.ProductFields) (int64, error) {
	var id int64
	err := s.db.GetContext(ctx, &id, createProduct, f.Name, f.Description, f.PriceCents, f.CategoryID)
	if err != nil {
		return 0, productError("create a product", err)
	}
	return id, nil
}

const updateProduct = `-- name: products.update
UPDATE products SET
    name = coalesce($3, name), description = coalesce($4, description),
    price_cents = coalesce($5, price_cents), category_id = coalesce($6, category_id),
    row_version = row_version + 1, updated_at = now()
WHERE id = $1 AND active AND ($2 = 0 OR row_version = $2)`

// Update is part of services.ProductStore.
func (s *Products) Update(ctx context.Context, id, version int64, f services.ProductFields) error {
	done, err := s.db.ExecContext(ctx, updateProduct, id, version, f.Name, f.Description, f.PriceCents, f.CategoryID)
	if err != nil {
		return productError("update a product", err)
	}
	return s.explainUntouched(ctx, id, done)
}

const deactivateProduct = `-- name: products.deactivate
UPDATE products SET active = false, row_version = row_version + 1, updated_at = now()
WHERE id = $1 AND active AND ($2 = 0 OR row_version = $2)`

// Deactivate is part of services.ProductStore.
func (s *Products) Deactivate(ctx context.Context, id, version int64) error {
	done, err := s.db.ExecContext(ctx, deactivateProduct, id, version)
	if err != nil {
		return productError("deactivate a product", err)
	}
	return s.explainUntouched(ctx, id, done)
}

const productIsActive = `-- name: products.is_active
SELECT active FROM products WHERE id = $1`

// explainUntouched says why a write touched no row: only a failed write pays
// for a second query.
func (s *Products) explainUntouched(ctx context.Context, id int64, done sql.Result) error {
	n, err := done.RowsAffected()
	if err != nil || n > 0 {
		return err
	}
	var active bool
	err = s.db.GetContext(ctx, &active, productIsActive, id)
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && !active:
		return services.ErrNoProduct
	case err != nil:
		return storeError("look for a product", err)
	}
	return services.ErrStaleProduct
}

func productError(doing string, err error) error {
	if violates(err, foreignKeyViolation, "products_category_id_fkey") {
		return services.ErrNoCategory
	}
	return storeError(doing, err)
}
