package repositories

import (
	"context"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// InvalidatingProducts are products whose writes invalidate the cached values and pages
// that they change. A refused write invalidates them too, as its outcome is not known
// before.
type InvalidatingProducts struct {
	services.ProductStore
	cache *cache.Cache
}

// NewInvalidatingProducts returns the products of store, whose writes invalidate the cache.
func NewInvalidatingProducts(store services.ProductStore, c *cache.Cache) *InvalidatingProducts {
	return &InvalidatingProducts{ProductStore: store, cache: c}
}

// Create is part of services.ProductStore.
func (s *InvalidatingProducts) Create(ctx context.Context, f services.ProductFields) (p services.Product, err error) {
	err = s.cache.Write(ctx, []string{ProductsTag, ProductCountTag}, func(ctx context.Context) error {
		p, err = s.ProductStore.Create(ctx, f)
		return err
	})
	if err == nil {
		// That the id does not exist may be cached. The product is stored, so an error
		// here must not make the caller create it again; the absence expires soon.
		_ = s.cache.Invalidate(ctx, productTag(p.ID), activeTag(p.ID))
	}
	return p, err
}

// Update is part of services.ProductStore.
func (s *InvalidatingProducts) Update(
	ctx context.Context, id, version int64, f services.ProductFields,
) (p services.Product, err error) {
	tags := []string{productTag(id)}
	if f.Name != nil || f.PriceCents != nil || f.CategoryID != nil { // what lists show
		tags = append(tags, ProductsTag)
	}
	err = s.cache.Write(ctx, tags, func(ctx context.Context) error {
		p, err = s.ProductStore.Update(ctx, id, version, f)
		return err
	})
	return p, err
}

// Deactivate is part of services.ProductStore.
func (s *InvalidatingProducts) Deactivate(ctx context.Context, id, version int64) error {
	tags := []string{productTag(id), activeTag(id), ProductsTag, ProductCountTag}
	return s.cache.Write(ctx, tags, func(ctx context.Context) error {
		return s.ProductStore.Deactivate(ctx, id, version)
	})
}
