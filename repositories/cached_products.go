package repositories

import (
	"context"
	"errors"
	"strconv"
	"time"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// Tags of cached values. What is made of these values, such as a page, has their tags. A
// write names the tags of what it changes.
const (
	ProductsTag     = "products"               // every list of products
	ProductCountTag = "products:count"         // the number of active products
	ProductTag      = productTagBegin + "{id}" // a product with its reviews
	StockTag        = ProductTag + stockTagEnd // the stock of a product

	productTagBegin = "product:"
	stockTagEnd     = "/stock"
	activeTagEnd    = "/active" // whether the product exists; its stock does not matter
)

func productTag(id int64) string { return productTagBegin + strconv.FormatInt(id, 10) }
func stockTag(id int64) string   { return productTag(id) + stockTagEnd }
func activeTag(id int64) string  { return productTag(id) + activeTagEnd }

// CachedProducts caches what it reads from another store, and writes as
// InvalidatingProducts does. Reads go from here to PendingStock, and from there to
// Products, the SQL. Batch is not cached: it is one query for any number of products.
type CachedProducts struct {
	*InvalidatingProducts
	products    *cache.Table[services.Product]
	firstPages  *cache.Table[[]services.ProductSummary] // the list's first pages
	cursorPages *cache.Table[[]services.ProductSummary] // those after a cursor
	counts      *cache.Table[int64]
	active      *cache.Table[bool]
	stocks      *cache.Table[int64]
}

// NewCachedProducts returns the products of store, cached.
func NewCachedProducts(store services.ProductStore, c *cache.Cache, times CacheTimes) *CachedProducts {
	return &CachedProducts{
		InvalidatingProducts: NewInvalidatingProducts(store, c),
		products: cache.NewTable[services.Product](c, cache.TableOptions{
			Name: "product", TTL: times.TTL, Grace: times.Grace, Absent: services.ErrNoProduct, AbsentTTL: times.Absent,
			Prefetch: productTagBegin + "{key}",
		}),
		firstPages: cache.NewTable[[]services.ProductSummary](c, cache.TableOptions{
			Name: "products:list", TTL: times.TTL, Grace: times.Grace, Absent: errEmpty, AbsentTTL: times.Absent,
		}),
		cursorPages: cache.NewTable[[]services.ProductSummary](c, cache.TableOptions{
			Name: "products:page", TTL: min(times.TTL, cursorPageTTL), Absent: errEmpty, AbsentTTL: times.Absent,
		}),
		counts: cache.NewTable[int64](c, cache.TableOptions{
			Name: "products:count", TTL: times.TTL, Grace: times.Grace, Absent: errEmpty, AbsentTTL: times.Absent,
		}),
		stocks: cache.NewTable[int64](c, cache.TableOptions{
			Name: "stock", TTL: times.TTL, Grace: times.Grace, Prefetch: productTagBegin + "{key}" + stockTagEnd,
		}),
		active: cache.NewTable[bool](c, cache.TableOptions{
			Name: "product:active", TTL: times.TTL, Grace: times.Grace, Guard: true,
			Absent: services.ErrNoProduct, AbsentTTL: times.Absent,
		}),
	}
}

// cursorPageTTL is short: anybody can make up cursors, which must not fill Redis for long.
const cursorPageTTL = time.Minute

// errEmpty stands for an empty list or a count of 0 inside the cache, which caches them as
// briefly as an absent value: anybody can ask for any category.
var errEmpty = errors.New("none")

// Get is part of services.ProductStore. The stock has an entry of its own, since it changes
// far more often. A load of the product fills that entry too, so it costs no second query.
func (s *CachedProducts) Get(ctx context.Context, id int64) (services.Product, error) {
	defer s.cache.Join(ctx)()
	key := strconv.FormatInt(id, 10)
	product, err := s.products.Get(ctx, key, []string{productTag(id)},
		func(ctx context.Context) (services.Product, error) {
			product, err := s.ProductStore.Get(ctx, id)
			if err == nil {
				s.stocks.Store(ctx, key, []string{stockTag(id)}, product.Stock)
			}
			return product, err
		})
	if err != nil || !product.Active {
		return product, err
	}
	product.Stock, err = s.Stock(ctx, id)
	return product, err
}

// Stock is part of services.ProductStore.
func (s *CachedProducts) Stock(ctx context.Context, id int64) (int64, error) {
	return s.stocks.Get(ctx, strconv.FormatInt(id, 10), []string{stockTag(id)},
		func(ctx context.Context) (int64, error) { return s.ProductStore.Stock(ctx, id) })
}

// List is part of services.ProductStore. Searches are not cached: anybody can make up any
// number of them, and would replace what others read all the time.
func (s *CachedProducts) List(ctx context.Context, f services.ProductFilter) ([]services.ProductSummary, error) {
	if f.Name != "" {
		return s.ProductStore.List(ctx, f)
	}
	table := s.firstPages
	if f.After != (services.ProductPosition{}) {
		table = s.cursorPages
	}
	items, err := table.Get(ctx, listKey(f), []string{ProductsTag},
		func(ctx context.Context) ([]services.ProductSummary, error) {
			items, err := s.ProductStore.List(ctx, f)
			if err == nil && len(items) == 0 {
				err = errEmpty
			}
			return items, err
		})
	if errors.Is(err, errEmpty) {
		return []services.ProductSummary{}, nil
	}
	return items, err
}

func listKey(f services.ProductFilter) string {
	key := strconv.FormatInt(f.CategoryID, 10) + "/" + strconv.FormatInt(f.After.CreatedAt.UnixMicro(), 10) +
		"-" + strconv.FormatInt(f.After.ID, 10) + "/" + strconv.Itoa(f.Limit)
	if f.Newer {
		key += "/newer"
	}
	return key
}

// Count is part of services.ProductStore.
func (s *CachedProducts) Count(ctx context.Context) (int64, error) {
	n, err := s.counts.Get(ctx, "active", []string{ProductCountTag}, func(ctx context.Context) (int64, error) {
		n, err := s.ProductStore.Count(ctx)
		if err == nil && n == 0 {
			err = errEmpty
		}
		return n, err
	})
	if errors.Is(err, errEmpty) {
		err = nil
	}
	return n, err
}

// CheckActive is part of services.ProductStore.
func (s *CachedProducts) CheckActive(ctx context.Context, id int64) error {
	_, err := s.active.Get(ctx, strconv.FormatInt(id, 10), []string{activeTag(id)},
		func(ctx context.Context) (bool, error) { return true, s.ProductStore.CheckActive(ctx, id) })
	return err
}
