package repositories

import (
	"context"
	"iter"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/writebehind"
	"example.com/prefab/services"
	"example.com/prefab/services/tracing"
)

// PendingStock replaces a product's stock by its pending one: what the write-behind
// buffer has and PostgreSQL not yet. While Redis does not answer it returns the stored
// stock, marked as possibly stale.
type PendingStock struct {
	services.ProductStore
	buffer *writebehind.Buffer[int64, int64]
	stock  services.StockStore
	cache  *cache.Cache
}

// NewPendingStock returns the products of store with their pending stock. Put it below
// the cache, whose Redis budget and circuit breaker it uses: the cache reads the pending
// stock in one round trip with its own entries.
func NewPendingStock(
	store services.ProductStore, buffer *writebehind.Buffer[int64, int64], stock services.StockStore, c *cache.Cache,
) *PendingStock {
	c.PrefetchHash(productTagBegin+"{key}", buffer.Hash())
	return &PendingStock{ProductStore: store, buffer: buffer, stock: stock, cache: c}
}

// pending returns the pending stock. Call it before the store is read: what is flushed in
// between is then in the store.
func (s *PendingStock) pending(ctx context.Context, ids ...int64) (quantities map[int64]int64) {
	if field, read := cache.Prefetched(ctx, s.buffer.Hash()); read && len(ids) == 1 {
		if field == "" {
			return nil
		}
		if quantity, err := s.buffer.Decode(field); err == nil {
			return map[int64]int64{ids[0]: quantity}
		}
	}
	err := s.cache.Call(ctx, func(ctx context.Context) (err error) {
		quantities, err = s.buffer.Pending(ctx, ids...)
		return err
	})
	if err != nil { // a broken Redis costs freshness, never the page
		// The first mark keeps a load of the cache out of Redis. The second one is for
		// reads outside of a load: Batch, or if the cache of values is off.
		cache.MarkStale(ctx)
		tracing.From(ctx).MarkStale()
	}
	return quantities
}

func applyPending(p *services.Product, pending map[int64]int64) {
	if quantity, ok := pending[p.ID]; ok {
		p.Stock = quantity
	}
}

// Get is part of services.ProductStore.
func (s *PendingStock) Get(ctx context.Context, id int64) (services.Product, error) {
	pending := s.pending(ctx, id)
	product, err := s.ProductStore.Get(ctx, id)
	applyPending(&product, pending)
	return product, err
}

// Stock is part of services.ProductStore.
func (s *PendingStock) Stock(ctx context.Context, id int64) (int64, error) {
	if quantity, ok := s.pending(ctx, id)[id]; ok {
		return quantity, nil
	}
	return s.ProductStore.Stock(ctx, id)
}

// Batch is part of services.ProductStore.
func (s *PendingStock) Batch(ctx context.Context, ids []int64) ([]services.Product, error) {
	pending := s.pending(ctx, ids...)
	products, err := s.ProductStore.Batch(ctx, ids)
	for i := range products {
		applyPending(&products[i], pending)
	}
	return products, err
}

// Update is part of services.ProductStore.
func (s *PendingStock) Update(
	ctx context.Context, id, version int64, f services.ProductFields,
) (services.Product, error) {
	pending := s.pending(ctx, id)
	product, err := s.ProductStore.Update(ctx, id, version, f)
	applyPending(&product, pending)
	return product, err
}

// Export is part of services.ProductStore. The pending stock is flushed first: an export
// is of one moment in the store.
func (s *PendingStock) Export(ctx context.Context) iter.Seq2[services.ExportedProduct, error] {
	return func(yield func(services.ExportedProduct, error) bool) {
		if err := s.buffer.Flush(ctx, s.stock.SetAll); err != nil {
			yield(services.ExportedProduct{}, err)
			return
		}
		s.ProductStore.Export(ctx)(yield)
	}
}
