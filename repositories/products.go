package repositories

import (
	"context"
	"database/sql"
	"errors"
	"iter"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
)

// Products keeps products in PostgreSQL.
type Products struct {
	db      *sqlx.DB
	replica *postgres.Replica // for exports; may be nil
}

// NewProducts returns the products in db.
func NewProducts(db *sqlx.DB) *Products { return &Products{db: db} }

const (
	// The reviews come as JSON, so that one statement reads all. LIMIT (SELECT …) hides
	// the number of reviews from the planner: with a literal 20, PostgreSQL would expect
	// that a product has fewer, and read and sort all, even if they are a million. The
	// rating takes an index alone.
	selectProducts = `
SELECT p.id, p.name, p.description, p.price_cents, p.active, p.row_version, p.created_at, p.updated_at,
       c.id AS "category.id", c.name AS "category.name", coalesce(s.quantity, 0) AS stock,
       r.average AS "rating.average", r.count AS "rating.count", n.reviews AS newest_reviews
FROM products p
JOIN categories c ON c.id = p.category_id
LEFT JOIN stock s ON s.product_id = p.id
CROSS JOIN LATERAL (
    SELECT coalesce(round(avg(rating), 2), 0)::float8 AS average, count(*) AS count
    FROM reviews WHERE product_id = p.id
) r
CROSS JOIN LATERAL (
    SELECT json_agg(newest) AS reviews
    FROM (
        SELECT v.id, u.name AS author, v.rating, v.body, v.created_at AS "createdAt"
        FROM (
            SELECT * FROM reviews WHERE product_id = p.id ORDER BY created_at DESC, id DESC LIMIT (SELECT $2::int)
        ) v
        JOIN users u ON u.id = v.user_id
        ORDER BY v.created_at DESC, v.id DESC
    ) newest
) n
`
	batchProducts = "-- name: products.batch" + selectProducts + "WHERE p.id = ANY($1)"

	// Not a batch of one: PostgreSQL estimates ANY($1) at ten ids, finds a plan for the
	// actual id cheaper than a general one, and so would plan it anew each time.
	getProduct = "-- name: products.get" + selectProducts + "WHERE p.id = $1"
)

// productRow is a product as it is selected.
type productRow struct {
	services.Product
	NewestReviews newestReviews
}

// Batch is part of services.ProductStore. However many products are asked for,
// it takes one query.
func (s *Products) Batch(ctx context.Context, ids []int64) ([]services.Product, error) {
	var rows []productRow
	db := postgres.From(ctx, s.db)
	if err := db.SelectContext(ctx, &rows, batchProducts, pq.Array(ids), services.ReviewsShown); err != nil {
		return nil, postgres.WrapError("read products", err)
	}
	products := make([]services.Product, len(rows))
	for i, row := range rows {
		products[i] = row.Product
		products[i].Reviews = row.NewestReviews
	}
	return products, nil
}

// Get is part of services.ProductStore.
func (s *Products) Get(ctx context.Context, id int64) (services.Product, error) {
	return readProduct(ctx, postgres.From(ctx, s.db), id)
}

func readProduct(ctx context.Context, db sqlx.QueryerContext, id int64) (services.Product, error) {
	var row productRow
	err := sqlx.GetContext(ctx, db, &row, getProduct, id, services.ReviewsShown)
	if errors.Is(err, sql.ErrNoRows) {
		return services.Product{}, services.ErrNoProduct
	}
	row.Reviews = row.NewestReviews
	return row.Product, postgres.WrapError("read a product", err)
}

// An index-only scan of products_newest_idx.
const countProducts = `-- name: products.count
SELECT count(*) FROM products WHERE active`

// Count is part of services.ProductStore.
func (s *Products) Count(ctx context.Context) (int64, error) {
	var n int64
	err := postgres.From(ctx, s.db).GetContext(ctx, &n, countProducts)
	return n, postgres.WrapError("count products", err)
}

const checkActive = `-- name: products.check_active
SELECT id FROM products WHERE id = $1 AND active`

// CheckActive is part of services.ProductStore.
func (s *Products) CheckActive(ctx context.Context, id int64) error {
	err := postgres.From(ctx, s.db).GetContext(ctx, &id, checkActive, id)
	if errors.Is(err, sql.ErrNoRows) {
		return services.ErrNoProduct
	}
	return postgres.WrapError("look for a product", err)
}

const getStock = `-- name: stock.get
SELECT quantity FROM stock WHERE product_id = $1`

// Stock is part of services.ProductStore.
func (s *Products) Stock(ctx context.Context, id int64) (quantity int64, err error) {
	err = postgres.From(ctx, s.db).GetContext(ctx, &quantity, getStock, id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return quantity, postgres.WrapError("read a stock", err)
}

// Along the primary key, so that the first row comes at once.
const exportProducts = `-- name: products.export
SELECT p.id, p.name, p.description, p.price_cents, p.active, c.id AS "category.id", c.name AS "category.name",
       coalesce(s.quantity, 0) AS stock, p.created_at, p.updated_at
FROM products p
JOIN categories c ON c.id = p.category_id
LEFT JOIN stock s ON s.product_id = p.id
ORDER BY p.id`

// ExportFrom has exports read from the replica, where there is one, and returns s.
func (s *Products) ExportFrom(replica *postgres.Replica) *Products {
	s.replica = replica
	return s
}

// Export is part of services.ProductStore.
func (s *Products) Export(ctx context.Context) iter.Seq2[services.ExportedProduct, error] {
	return postgres.StreamReplica[services.ExportedProduct](ctx, s.db, s.replica, "export products", exportProducts)
}
