package repositories

import (
	"context"
	"iter"

	"example.com/prefab/services"
)

// Along the primary key, so that the first row comes at once.
const exportProducts = `-- name: products.export
SELECT p.id, p.name, p.description, p.price_cents, p.active, c.id AS "category.id", c.name AS "category.name",
       coalesce(s.quantity, 0) AS stock, p.created_at, p.updated_at
FROM products p
JOIN categories c ON c.id = p.category_id
LEFT JOIN stock s ON s.product_id = p.id
ORDER BY p.id`

// ExportFrom has exports read from the replica, where there is one, and returns s.
func (s *Products) ExportFrom(replica *Replica) *Products {
	s.replica = replica
	return s
}

// Export is part of services.ProductStore.
func (s *Products) Export(ctx context.Context) iter.Seq2[services.ExportedProduct, error] {
	return StreamReplica[services.ExportedProduct](ctx, s.db, s.replica, "export products", exportProducts)
}
