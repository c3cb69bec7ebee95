// Package seed fills an empty catalogue with a believable sample: departments,
// products with stock, and reviews by people who do not exist. Everything is
// drawn from word lists and from generators with fixed seeds, so that two
// machines, or two runs of a benchmark, have the same rows.
package seed

import (
	"context"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// MaxProducts bounds Options.Products.
const MaxProducts = 1_000_000

// ErrNotEmpty says that there are products already. Nothing was changed.
var ErrNotEmpty = errors.New("the catalogue holds products already; only an empty one is filled")

// Options say how much to create.
type Options struct {
	Products int // 1 to MaxProducts

	// Progress, if not nil, is called now and then from Catalogue's goroutine;
	// the last time with done equal to total. The commit is still to come then.
	Progress func(done, total int)
}

// One batch is generated, held and copied at a time: that bounds the memory,
// here and in the server's queue of foreign keys to check.
const batchSize = 1000

const (
	// Writers of any node wait until the commit, readers go on. A second seed
	// waits too, and then finds the products of the first.
	lockTables = `-- name: seed.lock
LOCK TABLE users, categories, products, stock, reviews IN SHARE ROW EXCLUSIVE MODE`

	anyProduct = `-- name: seed.any_product
SELECT EXISTS (SELECT FROM products)`

	// The rows came with explicit ids, of which the sequences know nothing. A
	// sequence never goes back: an id that was given once is not given again.
	moveSequences = `-- name: seed.move_sequences
SELECT setval('users_id_seq',      greatest(nextval('users_id_seq'),      (SELECT max(id) FROM users))),
       setval('categories_id_seq', greatest(nextval('categories_id_seq'), (SELECT max(id) FROM categories))),
       setval('products_id_seq',   greatest(nextval('products_id_seq'),   (SELECT max(id) FROM products))),
       setval('reviews_id_seq',    greatest(nextval('reviews_id_seq'),    (SELECT max(id) FROM reviews)))`

	// Else the first lists would be planned as if the tables were still empty.
	analyze = `-- name: seed.analyze
ANALYZE users, categories, products, stock, reviews`
)

// Catalogue fills an empty catalogue in one transaction; the same number of
// products gives the same rows. Users who are there already stay. With
// products there already it returns ErrNotEmpty, so it is safe to repeat.
func Catalogue(ctx context.Context, db *sqlx.DB, o Options) error {
	if o.Products < 1 || o.Products > MaxProducts {
		return fmt.Errorf("seed %d products: from 1 to %d are possible", o.Products, MaxProducts)
	}
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin the seed: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back

	if _, err := tx.ExecContext(ctx, lockTables); err != nil {
		return fmt.Errorf("lock the catalogue: %w", err)
	}
	var filled bool
	if err := tx.GetContext(ctx, &filled, anyProduct); err != nil {
		return fmt.Errorf("look for products: %w", err)
	}
	if filled {
		return ErrNotEmpty
	}
	if err := fill(ctx, tx, o); err != nil {
		return err
	}
	for _, statement := range []string{moveSequences, analyze} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("finish the seed: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit the seed: %w", err)
	}
	return nil
}

func fill(ctx context.Context, tx *sqlx.Tx, o Options) error {
	g := generator{total: o.Products}
	var err error
	if g.categoryIDs, err = createCategories(ctx, tx); err != nil {
		return err
	}
	if g.reviewerIDs, err = createReviewers(ctx, tx); err != nil {
		return err
	}
	batch := make([]product, 0, batchSize)
	var reviews int64 // so far: the next one's id
	for id := 1; id <= o.Products; id++ {
		batch = append(batch, g.product(id))
		if len(batch) < batchSize && id < o.Products {
			continue
		}
		if reviews, err = copyBatch(ctx, tx, batch, reviews); err != nil {
			return err
		}
		batch = batch[:0]
		if o.Progress != nil {
			o.Progress(id, o.Products)
		}
	}
	return nil
}
