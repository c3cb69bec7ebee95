package repositories

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
)

// listStatement makes further statements of these. Each has a text of its own: with
// "OR $4 = 0" in one, none would have its index.
const (
	listProducts = `
SELECT p.id, p.name, p.price_cents, p.created_at, c.id AS "category.id", c.name AS "category.name"
FROM products p JOIN categories c ON c.id = p.category_id
WHERE p.active AND (p.created_at, p.id) < ($1, $2)
ORDER BY p.created_at DESC, p.id DESC LIMIT $3`

	// The index on names alone would read and sort all matches (55 ms for half of 200,000
	// products), the order of the list alone all products (500 ms for a rare word). So a search
	// looks at the next 1000 products, which with a common word fill the page, and uses
	// the index only if they do not: it takes some milliseconds either way.
	searchProducts = `
WITH near AS MATERIALIZED (
    SELECT * FROM (
        SELECT p.id, p.name, p.price_cents, p.category_id, p.created_at FROM products p
        WHERE p.active AND (p.created_at, p.id) < ($1, $2)
        ORDER BY p.created_at DESC, p.id DESC LIMIT 1000
    ) p
    WHERE ` + nameMatches + `
    ORDER BY p.created_at DESC, p.id DESC LIMIT $3
), far AS (
    SELECT p.id, p.name, p.price_cents, p.category_id, p.created_at FROM products p
    WHERE p.active AND (p.created_at, p.id) < ($1, $2) AND ` + nameMatches + `
    AND (SELECT count(*) FROM near) < $3
    AND EXISTS (SELECT FROM products p WHERE p.active AND (p.created_at, p.id) < ($1, $2) OFFSET 1000)
)
SELECT p.id, p.name, p.price_cents, p.created_at, c.id AS "category.id", c.name AS "category.name"
FROM (SELECT * FROM near UNION SELECT * FROM far) p JOIN categories c ON c.id = p.category_id
ORDER BY p.created_at DESC, p.id DESC LIMIT $3`

	nameMatches = `to_tsvector('simple', translate(p.name, '-+./~<&', '       ')) @@ to_tsquery('simple', $4)`
)

// newerFirst turns a statement round: from the position on to newer products.
var newerFirst = strings.NewReplacer("< ($1, $2)", ">= ($1, $2)", " DESC", " ASC")

// The first page begins after this time, which no product ever has.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// List is part of services.ProductStore.
func (s *Products) List(ctx context.Context, f services.ProductFilter) ([]services.ProductSummary, error) {
	items := make([]services.ProductSummary, 0, f.Limit)
	query := nameQuery(f.Name)
	if f.Name != "" && query == "" {
		return items, nil
	}
	text, args := listStatement(f, query)
	err := postgres.From(ctx, s.db).SelectContext(ctx, &items, text, args...)
	return items, postgres.WrapError("list products", err)
}

func listStatement(f services.ProductFilter, query string) (text string, args []any) {
	if f.After == (services.ProductPosition{}) {
		f.After.CreatedAt = endOfTime
	}
	name, text, args := "list", listProducts, []any{f.After.CreatedAt, f.After.ID, f.Limit}
	if query != "" {
		name, text, args = "search", searchProducts, append(args, query)
	}
	if f.CategoryID != 0 {
		name, args = name+"_category", append(args, f.CategoryID)
		text = strings.ReplaceAll(text, "p.active", fmt.Sprintf("p.active AND p.category_id = $%d", len(args)))
	}
	if f.Newer {
		name, text = name+"_newer", newerFirst.Replace(text)
	}
	return "-- name: products." + name + text, args
}

// maxWords bounds the work of a search: each word may read a large part of the index.
const maxWords = 8

// nameQuery returns a tsquery for names that have, for each of the text's first maxWords
// words, a word that begins with it. It is "" for a text without words. No character that
// tsquery gives a meaning is part of a word.
func nameQuery(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) })
	words = words[:min(len(words), maxWords)]
	for i, word := range words {
		words[i] = word + ":*"
	}
	return strings.Join(words, " & ")
}
