package services

import (
	"context"
	"iter"
	"time"

	"example.com/prefab/services/problem"
)

// Product is an article of the catalogue.
type Product struct {
	ID          int64     `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	PriceCents  int64     `json:"priceCents" doc:"In whole minor units, such as cents."`
	Category    Category  `json:"category"`
	Stock       int64     `json:"stock" minimum:"0" maximum:"1000000000"`
	Active      bool      `json:"-"` // a deleted product stays as an inactive one
	Rating      Rating    `json:"rating"`
	Reviews     []Review  `json:"reviews" maxItems:"20" doc:"The newest first."` // ReviewsShown at most
	RowVersion  int64     `json:"-"`                                             // one higher with every own change
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
}

// Rating sums up a product's reviews.
type Rating struct {
	Average float64 `json:"average" minimum:"0" maximum:"5" doc:"To two decimals; 0 without reviews."`
	Count   int64   `json:"count" minimum:"0"`
}

// ProductSummary is what a list shows of a product.
type ProductSummary struct {
	ID         int64     `json:"id"`
	Name       string    `json:"name"`
	PriceCents int64     `json:"priceCents" minimum:"0" maximum:"1000000000"`
	Category   Category  `json:"category"`
	CreatedAt  time.Time `json:"-"` // orders the list
}

// ProductFields are the fields that an admin writes. A nil field is not given.
type ProductFields struct {
	Name        *string `json:"name"`
	Description *string `json:"description"`
	PriceCents  *int64  `json:"priceCents" doc:"In whole minor units, such as cents."`
	CategoryID  *int64  `json:"categoryId"`
}

// ProductPosition is a place in the list of products, newest first: right after
// the product it names. The zero value is the start.
type ProductPosition struct {
	CreatedAt time.Time
	ID        int64
}

// ProductFilter selects a page of the list.
type ProductFilter struct {
	CategoryID int64  // 0: all
	Name       string // its first eight words each begin one of the product's name; "": all
	After      ProductPosition
	Limit      int
	Newer      bool // for stores: from the product at After on to newer ones, the newest last
}

// ProductPage is one page of the list. Next is the zero position on the last page.
type ProductPage struct {
	Items []ProductSummary
	Next  ProductPosition
}

// Bounds of the catalogue.
const (
	MaxProductPage = 100           // products in one page or batch
	MaxPriceCents  = 1_000_000_000 // of a product
	MaxSearch      = maxNameLength // characters of a search
	ReviewsShown   = 20            // reviews that come with a product
	pruneBatch     = 1000
	maxNameLength  = 200
	maxDescription = 5000
)

// The errors of products.
var (
	ErrNoProduct    = &problem.Error{Code: problem.NotFound, Message: "No such product."}
	ErrStaleProduct = &problem.Error{Code: problem.Stale, Message: "The product has changed since you read it."}
	ErrNoCategory   = problem.InvalidField("categoryId", "no such category")
)

// ProductStore stores products. List and Count are of active products; its other reads
// return inactive ones too.
type ProductStore interface {
	// List returns up to f.Limit summaries from the position on.
	List(ctx context.Context, f ProductFilter) ([]ProductSummary, error)
	// Batch returns the products found, in any order, with their reviews.
	Batch(ctx context.Context, ids []int64) ([]Product, error)
	// Get returns ErrNoProduct for an id without a row.
	Get(ctx context.Context, id int64) (Product, error)
	Count(ctx context.Context) (int64, error)
	// Stock returns the quantity of a product.
	Stock(ctx context.Context, id int64) (int64, error)
	// CheckActive returns ErrNoProduct for an absent or inactive product.
	CheckActive(ctx context.Context, id int64) error
	// Export returns all products by id, as of one moment. An error is the last item.
	Export(ctx context.Context) iter.Seq2[ExportedProduct, error]
	// Create returns the product as stored, or ErrNoCategory for an unknown category.
	Create(ctx context.Context, f ProductFields) (Product, error)
	// Update writes the fields given and returns the product as stored. It writes nothing
	// if they change nothing. It returns ErrNoProduct for an inactive product, and
	// ErrStaleProduct if version is neither 0 nor the current one.
	Update(ctx context.Context, id, version int64, f ProductFields) (Product, error)
	// Deactivate makes a product inactive, under the conditions of Update.
	Deactivate(ctx context.Context, id, version int64) error
	// Prune removes up to limit products that have been inactive since before that
	// time, with their stock and reviews, and returns their number. It skips rows that
	// are locked.
	Prune(ctx context.Context, before time.Time, limit int) (int64, error)
}

// Products are the rules of the catalogue.
type Products struct{ store ProductStore }

// NewProducts returns the catalogue in store.
func NewProducts(store ProductStore) *Products { return &Products{store: store} }

// List returns a page of the active products, newest first.
func (s *Products) List(ctx context.Context, f ProductFilter) (ProductPage, error) {
	limit := f.Limit
	f.Limit++ // one row more than the page shows whether another page follows
	items, err := s.store.List(ctx, f)
	if err != nil {
		return ProductPage{}, err
	}
	page := ProductPage{Items: items}
	if len(items) > limit {
		page.Items = items[:limit]
		page.Next = page.Items[limit-1].position()
	}
	return page, nil
}

// Previous returns after which position the page before that of List begins. It is the zero
// position if that is the first page, or if there is none.
func (s *Products) Previous(ctx context.Context, f ProductFilter) (ProductPosition, error) {
	if f.After == (ProductPosition{}) {
		return f.After, nil
	}
	f.Newer = true
	f.Limit++ // the page, and the product that it begins after
	items, err := s.store.List(ctx, f)
	if err != nil || len(items) < f.Limit {
		return ProductPosition{}, err
	}
	return items[f.Limit-1].position(), nil
}

func (p ProductSummary) position() ProductPosition {
	return ProductPosition{CreatedAt: p.CreatedAt, ID: p.ID}
}

// Batch returns the active products among the ids, in that order. An id that is asked
// for twice is returned once.
func (s *Products) Batch(ctx context.Context, ids []int64) ([]Product, error) {
	found, err := s.store.Batch(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]Product, len(found))
	for _, p := range found {
		if p.Active {
			byID[p.ID] = p
		}
	}
	products := make([]Product, 0, len(byID))
	for _, id := range ids {
		if p, ok := byID[id]; ok {
			products = append(products, p)
			delete(byID, id)
		}
	}
	return products, nil
}

// Get returns an active product; an inactive one is reported as absent.
func (s *Products) Get(ctx context.Context, id int64) (Product, error) {
	p, err := s.store.Get(ctx, id)
	if err != nil {
		return Product{}, err
	}
	if !p.Active {
		return Product{}, ErrNoProduct
	}
	return p, nil
}

// Count returns the number of active products.
func (s *Products) Count(ctx context.Context) (int64, error) { return s.store.Count(ctx) }

// Create adds a product and returns it. Name, price and category are required.
func (s *Products) Create(ctx context.Context, f ProductFields) (Product, error) {
	if err := problem.Check(f.Rules); err != nil {
		return Product{}, err
	}
	return s.store.Create(ctx, f)
}

// Update writes the fields given and returns the updated product. With a version other
// than 0 it writes only if that is still the current one.
func (s *Products) Update(ctx context.Context, id, version int64, f ProductFields) (Product, error) {
	if err := f.Validate(); err != nil {
		return Product{}, err
	}
	return s.store.Update(ctx, id, version, f)
}

// Delete makes a product inactive. The version is as in Update.
func (s *Products) Delete(ctx context.Context, id, version int64) error {
	return s.store.Deactivate(ctx, id, version)
}

// Prune removes products that were deleted before a time, with their stock and reviews,
// and returns their number. It commits each batch, so that no lock is held for long, and
// what is done stays done when ctx ends.
func (s *Products) Prune(ctx context.Context, before time.Time) (int64, error) {
	var removed int64
	for {
		n, err := s.store.Prune(ctx, before, pruneBatch)
		removed += n
		if err != nil || n < pruneBatch {
			return removed, err
		}
	}
}

// Validate returns an error that names every invalid field of those given.
func (f ProductFields) Validate() error { return problem.CheckGiven(f.Rules) }

// Rules are the rules of each field. The API document tells them, too.
func (f ProductFields) Rules(r *problem.Rules) {
	r.Require("name", f.Name != nil)
	r.Require("priceCents", f.PriceCents != nil)
	r.Require("categoryId", f.CategoryID != nil)
	if f.Name != nil {
		r.Line("name", *f.Name, 1, maxNameLength)
	}
	if f.Description != nil {
		r.Text("description", *f.Description, 0, maxDescription)
	}
	if f.PriceCents != nil {
		r.Between("priceCents", *f.PriceCents, 0, MaxPriceCents)
	}
	if f.CategoryID != nil {
		r.Check(*f.CategoryID > 0, "categoryId", "must be a positive number")
	}
}
