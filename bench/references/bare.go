package references

import (
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/jmoiron/sqlx"
)

type category struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type rating struct {
	Average float64 `json:"average"`
	Count   int64   `json:"count"`
}

type review struct {
	ID        int64     `json:"id"`
	Author    string    `json:"author"`
	Rating    int64     `json:"rating"`
	Body      string    `json:"body"`
	CreatedAt time.Time `json:"createdAt" db:"created_at"`
}

type product struct {
	ID          int64     `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	PriceCents  int64     `json:"priceCents" db:"price_cents"`
	Category    category  `json:"category"`
	Stock       int64     `json:"stock"`
	Rating      rating    `json:"rating"`
	Reviews     []review  `json:"reviews"`
	CreatedAt   time.Time `json:"createdAt" db:"created_at"`
	UpdatedAt   time.Time `json:"updatedAt" db:"updated_at"`
}

type summary struct {
	ID         int64     `json:"id"`
	Name       string    `json:"name"`
	PriceCents int64     `json:"priceCents" db:"price_cents"`
	Category   category  `json:"category"`
	CreatedAt  time.Time `json:"-" db:"created_at"`
}

type page struct {
	Items      []summary `json:"items"`
	NextCursor string    `json:"nextCursor,omitempty"`
}

const (
	productQuery = `
SELECT p.id, p.name, p.description, p.price_cents, p.created_at, p.updated_at,
       c.id AS "category.id", c.name AS "category.name", coalesce(s.quantity, 0) AS stock,
       r.average AS "rating.average", r.count AS "rating.count"
FROM products p
JOIN categories c ON c.id = p.category_id
LEFT JOIN stock s ON s.product_id = p.id
CROSS JOIN LATERAL (
    SELECT coalesce(round(avg(rating), 2), 0)::float8 AS average, count(*) AS count
    FROM reviews WHERE product_id = p.id
) r
WHERE p.id = $1 AND p.active`

	reviewsQuery = `
SELECT r.id, u.name AS author, r.rating, r.body, r.created_at
FROM reviews r JOIN users u ON u.id = r.user_id
WHERE r.product_id = $1 ORDER BY r.created_at DESC, r.id DESC LIMIT 20`

	listQuery = `
SELECT p.id, p.name, p.price_cents, p.created_at, c.id AS "category.id", c.name AS "category.name"
FROM products p JOIN categories c ON c.id = p.category_id
WHERE p.active AND (p.created_at, p.id) < ($1, $2)
ORDER BY p.created_at DESC, p.id DESC LIMIT $3`
)

// catalogue reads products by statements that are prepared once.
type catalogue struct{ product, reviews, list *sqlx.Stmt }

func newCatalogue(db *sqlx.DB) (c catalogue, err error) {
	for query, statement := range map[string]**sqlx.Stmt{
		productQuery: &c.product, reviewsQuery: &c.reviews, listQuery: &c.list,
	} {
		if *statement, err = db.Preparex(query); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c catalogue) get(id int) (product, error) {
	p := product{Reviews: []review{}}
	if err := c.product.Get(&p, id); err != nil {
		return p, err
	}
	return p, c.reviews.Select(&p.Reviews, id)
}

// newest is a page of the list, with the cursors that Prefab gives.
func (c catalogue) newest(after string, limit int) (page, error) {
	created, id := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), int64(0)
	if raw, err := base64.RawURLEncoding.DecodeString(after); err == nil && len(raw) == 16 {
		created = time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC()
		id = int64(binary.BigEndian.Uint64(raw[8:]))
	}
	p := page{Items: make([]summary, 0, limit+1)}
	if err := c.list.Select(&p.Items, created, id, limit+1); err != nil {
		return p, err
	}
	if len(p.Items) > limit {
		p.Items = p.Items[:limit]
		last := p.Items[limit-1]
		p.NextCursor = Cursor(last.CreatedAt, last.ID)
	}
	return p, nil
}

// Cursor names the place right after a product.
func Cursor(created time.Time, id int64) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(created.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(raw, uint64(id)))
}

func bare(app *fiber.App, db *sqlx.DB) error {
	catalogue, err := newCatalogue(db)
	if err != nil {
		return err
	}
	app.Get("/health/ready", func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ready"}) })
	app.Get("/api/v1/products", func(c *fiber.Ctx) error {
		p, err := catalogue.newest(c.Query("after"), c.QueryInt("limit", 20))
		if err != nil {
			return err
		}
		return c.JSON(p)
	})
	app.Get("/api/v1/products/:id", func(c *fiber.Ctx) error {
		id, err := c.ParamsInt("id")
		if err != nil {
			return fiber.ErrNotFound
		}
		p, err := catalogue.get(id)
		if errors.Is(err, sql.ErrNoRows) {
			return fiber.ErrNotFound
		}
		if err != nil {
			return err
		}
		return c.JSON(p)
	})
	return nil
}
