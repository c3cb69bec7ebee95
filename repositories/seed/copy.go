package seed

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// COPY takes explicit ids where an INSERT would need OVERRIDING SYSTEM VALUE.
const (
	copyProducts = `-- name: seed.products
COPY products
    (id, name, description, price_cents, category_id, active, row_version, created_at, updated_at) FROM STDIN`
	copyStock = `-- name: seed.stock
COPY stock (product_id, quantity, version) FROM STDIN`
	copyReviews = `-- name: seed.reviews
COPY reviews (id, product_id, user_id, rating, body, created_at) FROM STDIN`
)

// copyBatch writes the products with what belongs to them, one table after the
// other: a connection carries one COPY at a time. The reviews are numbered from
// the last one's id on; it returns the new last one.
func copyBatch(ctx context.Context, tx *sqlx.Tx, batch []product, lastReview int64) (int64, error) {
	err := copyRows(ctx, tx, copyProducts, func(add addRow) error {
		for _, p := range batch {
			if err := add(p.id, p.name, p.description, p.priceCents, p.categoryID,
				p.active, p.rowVersion, p.createdAt, p.updatedAt); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("copy products: %w", err)
	}
	err = copyRows(ctx, tx, copyStock, func(add addRow) error {
		for _, p := range batch {
			if err := add(p.id, p.stock, 1); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("copy stock: %w", err)
	}
	err = copyRows(ctx, tx, copyReviews, func(add addRow) error {
		for _, p := range batch {
			for _, r := range p.reviews {
				lastReview++
				if err := add(lastReview, p.id, r.userID, r.rating, r.body, r.createdAt); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("copy reviews: %w", err)
	}
	return lastReview, nil
}

type addRow func(values ...any) error

// copyRows runs one COPY of the rows that each adds. Rows travel in blocks, so
// an error may show with a later row, or at the end.
func copyRows(ctx context.Context, tx *sqlx.Tx, copyIn string, each func(addRow) error) error {
	stmt, err := tx.PrepareContext(ctx, copyIn)
	if err != nil {
		return err
	}
	defer stmt.Close() // also ends a COPY that broke off, or the rollback could not be sent
	err = each(func(values ...any) error {
		_, err := stmt.ExecContext(ctx, values...)
		return err
	})
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(ctx) // without values: the end
	return err
}
