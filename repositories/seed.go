package repositories

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/prefab/repositories/postgres"
)

// MaxSeedProducts bounds SeedOptions.Products.
const MaxSeedProducts = 1_000_000

// ErrNotEmpty says that there are products already. Nothing was changed.
var ErrNotEmpty = errors.New("the catalogue holds products already; only an empty one is filled")

// SeedOptions say how much to create.
type SeedOptions struct {
	Products int // 1 to MaxSeedProducts

	// Progress, if not nil, is called after each batch, the last time with done equal
	// to total. The commit comes after that.
	Progress func(done, total int)
}

// seedBatch bounds the memory, also of the server's queue of foreign keys to check.
const seedBatch = 1000

const (
	// Writers wait until the commit, readers do not. A second seed waits too, and then
	// finds the products of the first.
	lockCatalogue = `-- name: seed.lock
LOCK TABLE users, categories, products, stock, reviews IN SHARE ROW EXCLUSIVE MODE`

	catalogueFilled = `-- name: seed.filled
SELECT EXISTS (SELECT FROM products)`

	seedCategories = `-- name: seed.categories
INSERT INTO categories (id, name) OVERRIDING SYSTEM VALUE
SELECT (SELECT coalesce(max(id), 0) FROM categories) + n, name
FROM unnest($1::text[]) WITH ORDINALITY AS c (name, n)
ON CONFLICT (name) DO NOTHING`

	seedCategoryIDs = `-- name: seed.category_ids
SELECT c.id FROM unnest($1::text[]) WITH ORDINALITY AS d (name, n) JOIN categories c USING (name) ORDER BY n`

	// An empty password hash matches no password: nobody signs in as a reviewer.
	seedReviewers = `-- name: seed.reviewers
INSERT INTO users (id, email, name, role, password_hash, created_at) OVERRIDING SYSTEM VALUE
SELECT (SELECT coalesce(max(id), 0) FROM users) + n, lower(replace(name, ' ', '.')) || '@reviewers.example',
       name, 'member', '', '2024-07-01Z'
FROM unnest($1::text[]) WITH ORDINALITY AS r (name, n)
ON CONFLICT (lower(email)) DO NOTHING`

	seedReviewerIDs = `-- name: seed.reviewer_ids
SELECT u.id FROM unnest($1::text[]) WITH ORDINALITY AS r (name, n)
JOIN users u ON lower(u.email) = lower(replace(r.name, ' ', '.')) || '@reviewers.example' ORDER BY n`

	seedProducts = `-- name: seed.products
INSERT INTO products (id, name, description, price_cents, category_id, active, row_version, created_at, updated_at)
OVERRIDING SYSTEM VALUE
SELECT id, name, description, price_cents, category_id, active, row_version, created_at, updated_at
FROM json_populate_recordset(NULL::products, $1)`

	seedStock = `-- name: seed.stock
INSERT INTO stock (product_id, quantity, version)
SELECT id, quantity, 1 FROM json_to_recordset($1) AS p (id bigint, quantity bigint)`

	seedReviews = `-- name: seed.reviews
INSERT INTO reviews (id, product_id, user_id, rating, body, created_at) OVERRIDING SYSTEM VALUE
SELECT (SELECT coalesce(max(id), 0) FROM reviews) + row_number() OVER (), p.id,
       r.user_id, r.rating, r.body, r.created_at
FROM json_to_recordset($1) AS p (id bigint, reviews json), json_populate_recordset(NULL::reviews, p.reviews) AS r`

	// The rows have explicit ids, of which the sequences know nothing. A sequence
	// never goes back.
	moveSequences = `-- name: seed.move_sequences
SELECT setval('users_id_seq',      greatest(nextval('users_id_seq'),      (SELECT max(id) FROM users))),
       setval('categories_id_seq', greatest(nextval('categories_id_seq'), (SELECT max(id) FROM categories))),
       setval('products_id_seq',   greatest(nextval('products_id_seq'),   (SELECT max(id) FROM products))),
       setval('reviews_id_seq',    greatest(nextval('reviews_id_seq'),    (SELECT max(id) FROM reviews)))`

	// Else the first lists would be planned as if the tables were still empty.
	analyzeCatalogue = `-- name: seed.analyze
ANALYZE users, categories, products, stock, reviews`
)

// Seed fills an empty catalogue with a sample, in one transaction: departments,
// products with stock, and reviews by people who do not exist. The same number of
// products gives the same rows on each machine. Existing users stay. Where there are
// products already it returns ErrNotEmpty, so it is safe to repeat.
func Seed(ctx context.Context, db *sqlx.DB, o SeedOptions) error {
	if o.Products < 1 || o.Products > MaxSeedProducts {
		return fmt.Errorf("seed %d products: from 1 to %d are possible", o.Products, MaxSeedProducts)
	}
	err := postgres.InTx(ctx, db, func(tx *sqlx.Tx) error { return seed(ctx, tx, o) })
	if err != nil {
		return fmt.Errorf("fill the catalogue: %w", err)
	}
	return nil
}

func seed(ctx context.Context, tx *sqlx.Tx, o SeedOptions) error {
	if _, err := tx.ExecContext(ctx, lockCatalogue); err != nil {
		return err
	}
	var filled bool
	if err := tx.GetContext(ctx, &filled, catalogueFilled); err != nil {
		return err
	}
	if filled {
		return ErrNotEmpty
	}
	g := generator{total: o.Products}
	if err := json.Unmarshal(seedWords, &g.words); err != nil {
		return err
	}
	var categories, reviewers []string
	for _, d := range g.words.Departments {
		categories = append(categories, d.Name)
	}
	for i, name := range g.words.FirstNames { // these do not repeat, so the addresses differ
		reviewers = append(reviewers, name+" "+g.words.LastNames[i%len(g.words.LastNames)])
	}
	if _, err := tx.ExecContext(ctx, seedCategories, pq.Array(categories)); err != nil {
		return err
	}
	if err := tx.SelectContext(ctx, &g.categoryIDs, seedCategoryIDs, pq.Array(categories)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, seedReviewers, pq.Array(reviewers)); err != nil {
		return err
	}
	if err := tx.SelectContext(ctx, &g.reviewerIDs, seedReviewerIDs, pq.Array(reviewers)); err != nil {
		return err
	}
	if err := g.insert(ctx, tx, o.Progress); err != nil {
		return err
	}
	for _, statement := range []string{moveSequences, analyzeCatalogue} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// insert adds the products with their stock and reviews, in batches.
func (g *generator) insert(ctx context.Context, tx *sqlx.Tx, progress func(done, total int)) error {
	var batch []seedProduct
	for id := 1; id <= g.total; id++ {
		if batch = append(batch, g.product(id)); len(batch) < seedBatch && id < g.total {
			continue
		}
		rows, err := json.Marshal(batch)
		if err != nil {
			return err
		}
		for _, insert := range []string{seedProducts, seedStock, seedReviews} {
			if _, err := tx.ExecContext(ctx, insert, string(rows)); err != nil {
				return err
			}
		}
		batch = batch[:0]
		if progress != nil {
			progress(id, g.total)
		}
	}
	return nil
}

//go:embed seed.json
var seedWords []byte

// department is a category with the words for its products. Each trait and variant
// fits each item.
type department struct {
	Name                string
	Items               map[string][2]int64 // with the range of their price, in whole units of the currency
	Traits, Variants    []string            // before and after the item's name
	About, Detail, Care []string            // the three sentences of a description; {item} is the item's name
}

// generator draws products from word lists, with fixed seeds.
type generator struct {
	words struct {
		FirstNames, LastNames, Makers []string
		Departments                   []department
		Reviews                       []struct{ Opinions, Reasons []string } // by rating, from 1 star
	}
	total       int
	categoryIDs []int64 // in the order of the departments
	reviewerIDs []int64
}

// seedProduct is a row of products with its stock and its reviews.
type seedProduct struct {
	ID          int64        `json:"id"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	PriceCents  int64        `json:"price_cents"`
	CategoryID  int64        `json:"category_id"`
	Active      bool         `json:"active"`
	RowVersion  int64        `json:"row_version"`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`
	Quantity    int64        `json:"quantity"`
	Reviews     []seedReview `json:"reviews"`
}

type seedReview struct {
	UserID    int64     `json:"user_id"`
	Rating    int       `json:"rating"`
	Body      string    `json:"body"`
	CreatedAt time.Time `json:"created_at"`
}

// The catalogue is that of a fixed day. The newest products are two weeks old, so that
// they have reviews.
var (
	seedBegin = time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC)
	seedEnd   = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
)

// product returns product number id of 1 to total. Each has a random source of its
// own, so that a change of one does not change the next.
func (g *generator) product(id int) seedProduct {
	rng := rand.New(rand.NewPCG(20260701, uint64(id)))
	d := rng.IntN(len(g.words.Departments))
	dept := g.words.Departments[d]
	item := pick(rng, slices.Sorted(maps.Keys(dept.Items)))
	from, to := dept.Items[item][0], dept.Items[item][1]
	fill := strings.NewReplacer("{item}", strings.ToLower(item)).Replace

	// Ids ascend with the time of creation: each product has a time slice of its own.
	slice := seedEnd.AddDate(0, 0, -14).Sub(seedBegin) / time.Duration(g.total)
	created := seedBegin.Add(time.Duration(id-1)*slice + time.Duration(rng.Int64N(int64(slice)))).Truncate(time.Second)
	p := seedProduct{
		ID:          int64(id),
		Name:        pick(rng, g.words.Makers) + " " + pick(rng, dept.Traits) + " " + item + ", " + pick(rng, dept.Variants),
		Description: fill(pick(rng, dept.About) + " " + pick(rng, dept.Detail) + " " + pick(rng, dept.Care)),
		PriceCents:  (from+rng.Int64N(to-from))*100 + pick(rng, []int64{99, 99, 99, 95, 50, 0}),
		CategoryID:  g.categoryIDs[d],
		Active:      true, RowVersion: 1, CreatedAt: created, UpdatedAt: created,
	}
	if rng.IntN(15) > 0 { // else sold out
		p.Quantity = int64(rng.ExpFloat64() * 45)
	}
	until := seedEnd
	if rng.IntN(100) < 3 { // deleted, as services.Products.Delete leaves it
		until = between(rng, created, seedEnd)
		p.Active, p.RowVersion, p.UpdatedAt = false, 2, until
	}
	n := min(int(rng.ExpFloat64()*2.6), 12)
	if until.Sub(created) < time.Minute { // no time for reviews
		n = 0
	}
	for _, reviewer := range rng.Perm(len(g.reviewerIDs))[:n] {
		rating := pick(rng, []int{5, 5, 5, 5, 5, 5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 3, 3, 3, 2, 1})
		body := pick(rng, g.words.Reviews[rating-1].Opinions)
		if rng.IntN(10) < 7 {
			body += " " + pick(rng, g.words.Reviews[rating-1].Reasons)
		}
		p.Reviews = append(p.Reviews, seedReview{
			UserID: g.reviewerIDs[reviewer], Rating: rating, Body: fill(body), CreatedAt: between(rng, created, until),
		})
	}
	slices.SortStableFunc(p.Reviews, func(a, b seedReview) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return p
}

// between returns a whole second after from, and not after until.
func between(rng *rand.Rand, from, until time.Time) time.Time {
	return from.Add(time.Duration(1+rng.Int64N(int64(until.Sub(from)/time.Second))) * time.Second)
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }
