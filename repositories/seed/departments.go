package seed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// department is a category with the words that its products are made of. Every
// trait and variant suits every item: a linen kettle would give the game away.
type department struct {
	name     string
	items    []item
	traits   []string // before the item's name
	variants []string // after it

	// The three sentences of a description; {item} is the item's name.
	about, detail, care []string
}

// item is a kind of product, one of a thing, with the range of its price in
// whole units of the currency.
type item struct {
	name     string
	from, to int64
}

func (i item) inText() string { return strings.ToLower(i.name) }

// departments are the categories, in the order of their ids.
var departments = slices.Concat(home, outdoors, indoors)

// Names of makers that do not exist.
var makers = strings.Fields(`
	Alderby Bramwick Calderon Dunmore Elswick Fenmoor Granby Harlow Inverley Jarrowby
	Kelsey Lomond Marlowe Nordby Oakham Penrose Quarrie Rowanhill Selby Thornbury
	Ulverdale Vardon Wexcombe Yarrowdale`)

// productName reads like "Harlow Oak Side Table, Natural".
func (d department) productName(rng *rand.Rand, i item) string {
	return pick(rng, makers) + " " + pick(rng, d.traits) + " " + i.name + ", " + pick(rng, d.variants)
}

const (
	insertCategories = `-- name: seed.insert_categories
INSERT INTO categories (id, name)
OVERRIDING SYSTEM VALUE
SELECT (SELECT coalesce(max(id), 0) FROM categories) + n, name
FROM unnest($1::text[]) WITH ORDINALITY AS department (name, n)
ON CONFLICT (name) DO NOTHING`

	categoryIDs = `-- name: seed.category_ids
SELECT c.id FROM unnest($1::text[]) WITH ORDINALITY AS department (name, n)
JOIN categories c USING (name) ORDER BY n`
)

// createCategories returns the ids of the departments' categories, in their order.
func createCategories(ctx context.Context, tx *sqlx.Tx) ([]int64, error) {
	names := make([]string, len(departments))
	for i, d := range departments {
		names[i] = d.name
	}
	if _, err := tx.ExecContext(ctx, insertCategories, pq.Array(names)); err != nil {
		return nil, fmt.Errorf("create categories: %w", err)
	}
	var ids []int64
	if err := tx.SelectContext(ctx, &ids, categoryIDs, pq.Array(names)); err != nil {
		return nil, fmt.Errorf("read categories: %w", err)
	}
	return ids, nil
}
