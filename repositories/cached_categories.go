package repositories

import (
	"context"
	"strconv"
	"time"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// CategoriesTag is of every list of categories.
const CategoriesTag = "categories"

// CachedCategories keeps the categories of another store in the cache. No route
// changes them yet: who does so by SQL is seen when their time is over, which is
// short. A route that does names the tag.
type CachedCategories struct {
	services.CategoryStore
	lists *cache.Table[[]services.Category]
}

const categoriesTTL = time.Minute

// CacheCategories returns the categories of store, cached.
func CacheCategories(store services.CategoryStore, c *cache.Cache, times CacheTimes) *CachedCategories {
	return &CachedCategories{CategoryStore: store, lists: cache.NewTable[[]services.Category](c, cache.TableOptions{
		Name: "categories", TTL: min(times.TTL, categoriesTTL), Grace: times.Grace,
	})}
}

// List is part of services.CategoryStore.
func (s *CachedCategories) List(ctx context.Context, limit int) ([]services.Category, error) {
	return s.lists.Get(ctx, strconv.Itoa(limit), []string{CategoriesTag},
		func(ctx context.Context) ([]services.Category, error) { return s.CategoryStore.List(ctx, limit) })
}
