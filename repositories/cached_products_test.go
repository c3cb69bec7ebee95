package repositories_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
	"example.com/prefab/services/tracing"
)

// pageStore gives each page that is asked for another price, so that no two
// pages can pass for each other.
type pageStore struct {
	services.ProductStore
	loads int64
}

func (s *pageStore) List(context.Context, services.ProductFilter) ([]services.ProductSummary, error) {
	s.loads++
	return []services.ProductSummary{{PriceCents: s.loads}}, nil
}

// Cursors are not signed, so any part of one may come with any other.
func TestCachedProducts_KeepPagesApartByAllThatMakesThem(t *testing.T) {
	values := cache.New(cache.Options{ // not started: memory alone
		Client: redis.NewClient(&redis.Options{}), MemoryTTL: time.Minute, MaxItems: 100, MaxBytes: 1 << 20,
		ValueLimit: 1 << 16, Budget: time.Second,
	})
	t.Cleanup(values.Close)
	store := new(pageStore)
	products := repositories.NewCachedProducts(store, values, repositories.CacheTimes{TTL: time.Hour})

	moment := time.UnixMicro(1_700_000_000_000_001)
	after := services.ProductPosition{CreatedAt: moment, ID: 7}
	for i, page := range []services.ProductFilter{
		{Limit: 20},
		{CategoryID: 1, Limit: 20},
		{Limit: 2},
		{After: after, Limit: 20},
		{After: services.ProductPosition{CreatedAt: moment, ID: 8}, Limit: 20},
		{After: services.ProductPosition{CreatedAt: moment.Add(time.Microsecond), ID: 7}, Limit: 20},
		{CategoryID: 1, After: after, Limit: 20},
		{CategoryID: 1, After: after, Limit: 20, Newer: true},
	} {
		for range 2 {
			list, err := products.List(t.Context(), page)
			if want := int64(i + 1); err != nil || list[0].PriceCents != want {
				t.Errorf("%+v is answered with the page %d, %v; want %d", page, list[0].PriceCents, err, want)
			}
		}
	}
}

func TestCachedProducts_CacheNoSearch(t *testing.T) {
	store := new(pageStore)
	values := newCache(t, devtest.RedisClient(t, devtest.Redis(t)))
	products := repositories.NewCachedProducts(store, values, repositories.CacheTimes{TTL: time.Hour})
	for i := range int64(3) {
		if list, err := products.List(t.Context(), services.ProductFilter{Name: "lamp", Limit: 20}); err != nil || list[0].PriceCents != i+1 {
			t.Errorf("search %d is answered with %+v, %v", i+1, list, err)
		}
	}
}

// activeStore counts its calls.
type activeStore struct {
	services.ProductStore
	calls int
	err   error
}

func (s *activeStore) CheckActive(context.Context, int64) error {
	s.calls++
	return s.err
}

// Each change of stock checks the product, so a change of stock must not invalidate that.
func TestCachedProducts_AChangeOfStockKeepsThatTheProductIsActive(t *testing.T) {
	values := newCache(t, devtest.RedisClient(t, devtest.Redis(t)))
	store := new(activeStore)
	products := repositories.NewCachedProducts(store, values, repositories.CacheTimes{TTL: time.Hour})
	for range 3 {
		if err := products.CheckActive(t.Context(), 1); err != nil {
			t.Error(err)
		}
		if err := repositories.NewInvalidatingStock(nil, values).Invalidate(t.Context(), []int64{1}); err != nil {
			t.Fatal(err)
		}
	}
	if store.calls != 1 {
		t.Errorf("PostgreSQL is asked %d times", store.calls)
	}
}

// A session that has just written reads past memory only if that says that there is no
// product: the session may have created it.
func TestCachedProducts_ARecentWriterTrustsMemoryThatAProductIsActive(t *testing.T) {
	for _, before := range []error{nil, services.ErrNoProduct} {
		client := devtest.RedisClient(t, devtest.Redis(t))
		store := &activeStore{err: before}
		products := repositories.NewCachedProducts(store, newCache(t, client), repositories.CacheTimes{TTL: time.Hour, Absent: time.Hour})
		var calls int
		devtest.Eventually(t, "memory has the answer", func() bool {
			calls = store.calls
			for range 2 {
				_ = products.CheckActive(t.Context(), 1)
			}
			return store.calls == calls
		})
		client.FlushDB(t.Context())
		store.err = nil
		fresh := tracing.With(t.Context(), &tracing.Trace{Fresh: true})
		if err := products.CheckActive(fresh, 1); err != nil || (store.calls > calls) != (before != nil) {
			t.Errorf("after %v: %v, %d more calls", before, err, store.calls-calls)
		}
	}
}

// emptyStore has no products, until it has one.
type emptyStore struct {
	services.ProductStore
	products []services.ProductSummary
}

func (s *emptyStore) List(context.Context, services.ProductFilter) ([]services.ProductSummary, error) {
	return s.products, nil
}

func (s *emptyStore) Count(context.Context) (int64, error) { return int64(len(s.products)), nil }

// An empty list and a count of 0 are cached for the time of what is absent.
func TestCachedProducts_CacheEmptinessForItsOwnTime(t *testing.T) {
	store, values := new(emptyStore), newCache(t, devtest.RedisClient(t, devtest.Redis(t)))
	products := repositories.NewCachedProducts(store, values, repositories.CacheTimes{TTL: time.Hour, Absent: time.Second})
	are := func(want int) bool {
		list, err := products.List(t.Context(), services.ProductFilter{Limit: 20})
		count, err2 := products.Count(t.Context())
		if list == nil || err != nil || err2 != nil {
			t.Fatalf("%v, %v, %v", list, err, err2)
		}
		return len(list) == want && count == int64(want)
	}
	if !are(0) {
		t.Error("what is empty is not given")
	}
	store.products = make([]services.ProductSummary, 1)
	devtest.Eventually(t, "both are loaded anew", func() bool { return are(1) })
}
