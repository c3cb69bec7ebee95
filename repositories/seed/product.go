package seed

import (
	"math/rand/v2"
	"strings"
	"time"
)

// The catalogue as it stood on a fixed day, else it would not be the same
// tomorrow. The newest products are two weeks old, so that they have reviews.
var (
	opened  = time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC)
	asOf    = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	stocked = asOf.AddDate(0, 0, -14).Sub(opened) // the time over which products came
)

// seed separates this sample from others drawn by the same generator.
const seed = 20260701

// product is a row of products with the rows that refer to it.
type product struct {
	id                   int64
	name, description    string
	priceCents           int64
	categoryID           int64
	active               bool
	rowVersion           int64
	createdAt, updatedAt time.Time
	stock                int64
	reviews              []review
}

// generator draws products that refer to existing categories, which are in the
// departments' order, and to existing reviewers.
type generator struct {
	total       int
	categoryIDs []int64
	reviewerIDs []int64
}

// product returns product number id of 1 to total. Each is drawn from a source
// of its own: what one product takes from it never changes the next.
func (g generator) product(id int) product {
	rng := rand.New(rand.NewPCG(seed, uint64(id)))
	d := rng.IntN(len(departments))
	dept := departments[d]
	item := pick(rng, dept.items)

	p := product{
		id:         int64(id),
		name:       dept.productName(rng, item),
		priceCents: price(rng, item),
		categoryID: g.categoryIDs[d],
		active:     true,
		rowVersion: 1,
		stock:      stock(rng),
	}
	p.description = strings.ReplaceAll(
		pick(rng, dept.about)+" "+pick(rng, dept.detail)+" "+pick(rng, dept.care), "{item}", item.inText())

	// Each has its slot of the time, so that ids ascend with it.
	slot := stocked / time.Duration(g.total)
	p.createdAt = opened.Add(time.Duration(id-1)*slot + time.Duration(rng.Int64N(int64(slot)))).Truncate(time.Second)
	p.updatedAt = p.createdAt

	seenUntil := asOf
	if rng.IntN(100) < 3 { // as services.Products.Delete leaves it
		seenUntil = between(rng, p.createdAt, asOf)
		p.active, p.rowVersion, p.updatedAt = false, 2, seenUntil
	}
	p.reviews = g.reviews(rng, item, p.createdAt, seenUntil)
	return p
}

// price ends as prices in shops do.
func price(rng *rand.Rand, i item) int64 {
	whole := i.from + rng.Int64N(i.to-i.from)
	return whole*100 + pick(rng, []int64{99, 99, 99, 95, 50, 0})
}

// stock is mostly tens, rarely hundreds, and sold out now and then.
func stock(rng *rand.Rand) int64 {
	if rng.IntN(15) == 0 {
		return 0
	}
	return int64(rng.ExpFloat64() * 45)
}

// between returns a whole second after from, and not after until.
func between(rng *rand.Rand, from, until time.Time) time.Time {
	seconds := int64(until.Sub(from) / time.Second)
	return from.Add(time.Duration(1+rng.Int64N(seconds)) * time.Second)
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }
