package services_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// shelf answers reads from memory, in the order of its slices.
type shelf struct {
	services.ProductStore
	summaries []services.ProductSummary
	products  []services.Product
	err       error
}

func (s shelf) List(_ context.Context, f services.ProductFilter) ([]services.ProductSummary, error) {
	return s.summaries[:min(f.Limit, len(s.summaries))], s.err
}

func (s shelf) Batch(context.Context, []int64) ([]services.Product, error) { return s.products, s.err }

func (s shelf) Get(context.Context, int64) (services.Product, error) { return s.products[0], s.err }

func TestProductsList_TellsWhetherAnotherPageFollows(t *testing.T) {
	var all []services.ProductSummary
	for i := range int64(5) {
		all = append(all, services.ProductSummary{ID: 5 - i, CreatedAt: time.UnixMicro(100 - i)})
	}
	for _, c := range []struct {
		stored, limit, items int
		next                 int64 // the id after which the next page begins; 0: there is none
	}{
		{0, 1, 0, 0},
		{1, 1, 1, 0},
		{2, 1, 1, 5},
		{5, 4, 4, 2},
		{5, 5, 5, 0},
		{5, 100, 5, 0},
	} {
		products := services.NewProducts(shelf{summaries: all[:c.stored]})
		page, err := products.List(t.Context(), services.ProductFilter{Limit: c.limit})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(page.Items, all[:c.items]) {
			t.Errorf("%+v: items %+v", c, page.Items)
		}
		var want services.ProductPosition
		if c.next != 0 {
			want = services.ProductPosition{ID: c.next, CreatedAt: page.Items[c.items-1].CreatedAt}
		}
		if page.Next != want {
			t.Errorf("%+v: next %+v, want %+v", c, page.Next, want)
		}
	}
}

func TestProductsBatch_KeepsTheOrderAskedAndHidesInactiveOnes(t *testing.T) {
	store := shelf{products: []services.Product{{ID: 1, Active: true}, {ID: 2}, {ID: 3, Active: true}, {ID: 4, Active: true}}}
	for _, c := range []struct{ ask, want []int64 }{
		{nil, nil},
		{[]int64{3, 1}, []int64{3, 1}},
		{[]int64{4, 2, 9, 1}, []int64{4, 1}},
		{[]int64{1, 3, 1, 3, 3}, []int64{1, 3}},
		{[]int64{2}, nil},
	} {
		found, err := services.NewProducts(store).Batch(t.Context(), c.ask)
		var got []int64
		for _, p := range found {
			got = append(got, p.ID)
		}
		if err != nil || found == nil || !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, error %v, want %v", c.ask, got, err, c.want)
		}
	}
}

func TestProductsGet_ReportsAnInactiveOneAsAbsent(t *testing.T) {
	hidden := services.NewProducts(shelf{products: []services.Product{{ID: 1, Name: "hidden"}}})
	p, err := hidden.Get(t.Context(), 1)
	if !errors.Is(err, services.ErrNoProduct) || p.Name != "" {
		t.Errorf("got %+v, error %v", p, err)
	}
}

// bin holds products that are due to be removed; it gives them in batches, the
// last of which fails.
type bin struct {
	services.ProductStore
	left    int64
	batches []int64
	err     error
}

func (b *bin) Prune(_ context.Context, _ time.Time, limit int) (int64, error) {
	n := min(b.left, int64(limit))
	b.left -= n
	b.batches = append(b.batches, n)
	if b.left == 0 {
		return n, b.err
	}
	return n, nil
}

func TestProductsPrune_GoesOnUntilNoneIsLeft(t *testing.T) {
	for _, c := range []struct {
		left    int64
		batches []int64
	}{
		{0, []int64{0}},
		{999, []int64{999}},
		{1000, []int64{1000, 0}},
		{2500, []int64{1000, 1000, 500}},
	} {
		store := &bin{left: c.left}
		n, err := services.NewProducts(store).Prune(t.Context(), time.Now())
		if err != nil || n != c.left || !slices.Equal(store.batches, c.batches) {
			t.Errorf("of %d: %d in %v, error %v", c.left, n, store.batches, err)
		}
	}
	broken := errors.New("broken")
	n, err := services.NewProducts(&bin{left: 1500, err: broken}).Prune(t.Context(), time.Now())
	if n != 1500 || !errors.Is(err, broken) {
		t.Errorf("with a batch that fails: %d, error %v", n, err)
	}
}

func TestProducts_PassOnWhatTheStoreReports(t *testing.T) {
	broken := fmt.Errorf("list products: %w", problem.ErrUnavailable)
	products := services.NewProducts(shelf{err: broken, products: make([]services.Product, 1)})
	_, list := products.List(t.Context(), services.ProductFilter{Limit: 1})
	_, batch := products.Batch(t.Context(), []int64{1})
	_, get := products.Get(t.Context(), 1)
	for what, err := range map[string]error{"list": list, "batch": batch, "get": get} {
		if !errors.Is(err, broken) {
			t.Errorf("%s: error %v", what, err)
		}
	}
}
