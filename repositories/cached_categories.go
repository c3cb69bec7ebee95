package repositories

import (
	"context"
	"strconv"
	"time"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// CategoriesTag is the tag of every list of categories.
const CategoriesTag = "categories"

// CachedCategories caches the categories of another store. No route changes them. A
// change by SQL shows after the TTL, which is short; a route for it must use cache.Write
// with CategoriesTag.
type CachedCategories struct {
	services.CategoryStore
	lists *cache.Table[[]services.Category]
}

const categoriesTTL = time.Minute

// NewCachedCategories returns the categories of store, cached.
func NewCachedCategories(store services.CategoryStore, c *cache.Cache, times CacheTimes) *CachedCategories {
	return &CachedCategories{CategoryStore: store, lists: cache.NewTable[[]services.Category](c, cache.TableOptions{
		Name: "categories", TTL: min(times.TTL, categoriesTTL), Grace: times.Grace,
	})}
}

// List is part of services.CategoryStore.
func (s *CachedCategories) List(ctx context.Context, limit int) ([]services.Category, error) {
	return s.lists.Get(ctx, strconv.Itoa(limit), []string{CategoriesTag},
		func(ctx context.Context) ([]services.Category, error) { return s.CategoryStore.List(ctx, limit) })
}
