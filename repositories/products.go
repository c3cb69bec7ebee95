package repositories

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/prefab/services"
)

// Products keeps products in PostgreSQL.
type Products struct {
	db      *sqlx.DB
	replica *Replica // for exports; may be nil
}

// NewProducts returns the products in db.
func NewProducts(db *sqlx.DB) *Products { return &Products{db: db} }

const (
	listProducts = `-- name: products.list
SELECT p.id, p.name, p.price_cents, p.created_at, c.id AS "category.id", c.name AS "category.name"
FROM products p JOIN categories c ON c.id = p.category_id
WHERE p.active AND (p.created_at, p.id) < ($1, $2)
ORDER BY p.created_at DESC, p.id DESC LIMIT $3`

	// A text of its own: with "OR $4 = 0" in one, neither list would have its index.
	listCategory = `-- name: products.list_category
SELECT p.id, p.name, p.price_cents, p.created_at, c.id AS "category.id", c.name AS "category.name"
FROM products p JOIN categories c ON c.id = p.category_id
WHERE p.active AND p.category_id = $4 AND (p.created_at, p.id) < ($1, $2)
ORDER BY p.created_at DESC, p.id DESC LIMIT $3`
)

// The first page begins after a product that nobody will ever add.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// List is part of services.ProductStore.
func (s *Products) List(
	ctx context.Context, categoryID int64, after services.ProductPosition, limit int,
) ([]services.ProductSummary, error) {
	if after == (services.ProductPosition{}) {
		after.CreatedAt = endOfTime
	}
	query, args := listProducts, []any{after.CreatedAt, after.ID, limit}
	if categoryID != 0 {
		query, args = listCategory, append(args, categoryID)
	}
	items := make([]services.ProductSummary, 0, limit)
	if err := s.db.SelectContext(ctx, &items, query, args...); err != nil {
		return nil, storeError("list products", err)
	}
	return items, nil
}

const batchProducts = `-- name: products.batch
SELECT p.id, p.name, p.description, p.price_cents, p.active, p.row_version, p.created_at, p.updated_at,
       c.id AS "category.id", c.name AS "category.name", coalesce(s.quantity, 0) AS stock,
       r.average AS "rating.average", r.count AS "rating.count"
FROM products p
JOIN categories c ON c.id = p.category_id
LEFT JOIN stock s ON s.product_id = p.id
CROSS JOIN LATERAL (
    SELECT coalesce(round(avg(rating), 2), 0)::float8 AS average, count(*) AS count
    FROM reviews WHERE product_id = p.id
) r
WHERE p.id = ANY($1)`

// Batch is part of services.ProductStore. However many products are asked for,
// it takes two queries.
func (s *Products) Batch(ctx context.Context, ids []int64) ([]services.Product, error) {
	return readProducts(ctx, s.db, ids)
}

func readProducts(ctx context.Context, db sqlx.QueryerContext, ids []int64) ([]services.Product, error) {
	var products []services.Product
	if err := sqlx.SelectContext(ctx, db, &products, batchProducts, pq.Array(ids)); err != nil {
		return nil, storeError("read products", err)
	}
	if len(products) == 0 {
		return nil, nil
	}
	found := make([]int64, len(products)) // each once, however often it was asked for
	for i, p := range products {
		found[i] = p.ID
	}
	reviews, err := newestReviews(ctx, db, found)
	if err != nil {
		return nil, err
	}
	for i := range products {
		products[i].Reviews = append([]services.Review{}, reviews[products[i].ID]...)
	}
	return products, nil
}

// Get is part of services.ProductStore.
func (s *Products) Get(ctx context.Context, id int64) (services.Product, error) {
	return readProduct(ctx, s.db, id)
}

func readProduct(ctx context.Context, db sqlx.QueryerContext, id int64) (services.Product, error) {
	products, err := readProducts(ctx, db, []int64{id})
	if err != nil {
		return services.Product{}, err
	}
	if len(products) == 0 {
		return services.Product{}, services.ErrNoProduct
	}
	return products[0], nil
}

// An index-only scan of products_newest_idx.
const countProducts = `-- name: products.count
SELECT count(*) FROM products WHERE active`

// Count is part of services.ProductStore.
func (s *Products) Count(ctx context.Context) (int64, error) {
	var n int64
	if err := s.db.GetContext(ctx, &n, countProducts); err != nil {
		return 0, storeError("count products", err)
	}
	return n, nil
}
