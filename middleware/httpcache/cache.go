// Package httpcache stores finished answers and sends them again, as RFC 9111 allows a
// shared cache to do. It promises that
//
//   - only anonymous GET and HEAD requests are answered from it: one with Authorization, a
//     session or any cookie goes to the handler;
//   - the handler's Cache-Control, Vary and Set-Cookie are obeyed;
//   - an answer belongs to tags, and is gone once one of them is invalidated;
//   - of concurrent requests for an absent answer one runs the handler, and the others wait
//     for a bounded time;
//   - Cache-Status (RFC 9211) says what was done, and why.
//
// For example, with the two-level cache of repositories/cache as the store:
//
//	pages := httpcache.New(httpcache.Config{
//		Store: cache.NewTable[*httpcache.Page](values, cache.TableOptions{Name: "page"}),
//		TTL:   10 * time.Second,
//	})
//	app.Get("/products/:id", pages.Route(httpcache.RouteConfig{
//		Query: []string{"currency"}, Tags: []string{"product:{id}"},
//	}), show)
//	…
//	err := values.Invalidate(ctx, "product:42") // after a write
package httpcache

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
)

// Store stores pages, in memory and in Redis.
type Store interface {
	// Find returns the page of the key, and from where: "memory" or "redis". If there is
	// none, from is "" and the caller must call store exactly once: with a page and its
	// TTL, or with nil and NotStorable or NoPage. Concurrent calls for an absent key wait a
	// bounded time for the first one. tags are the groups that the page belongs to; an
	// invalidation also hits a page that is just being made.
	Find(ctx context.Context, key string, tags []string) (page *Page, from string, store func(*Page, time.Duration))
}

// Instead of a TTL, these tell the store why there is no page. The constants of
// repositories/cache have the same values.
const (
	NotStorable time.Duration = 0  // the answer must not be stored; requests do not wait for each other for a moment
	NoPage      time.Duration = -1 // no answer was made; the next request tries
)

// Cache answers requests from stored pages.
type Cache struct {
	store    Store
	ttl      time.Duration
	compress func(*fiber.Ctx)
}

// Config says how pages are stored.
type Config struct {
	Store Store
	// TTL is how long an answer is stored if its handler sets no max-age. With 0 the cache
	// is off.
	TTL time.Duration
	// Compress compresses an answer before it is stored, as compress.Compressor.Apply
	// does; nil leaves it as it is.
	Compress func(*fiber.Ctx)
}

// New returns a cache.
func New(cfg Config) *Cache {
	if cfg.Compress == nil {
		cfg.Compress = func(*fiber.Ctx) {}
	}
	return &Cache{store: cfg.Store, ttl: cfg.TTL, compress: cfg.Compress}
}

// RouteConfig says what the answers of a route, or of a group, depend on.
type RouteConfig struct {
	// Query names the parameters that the handler reads. A request with another one, or
	// with one twice, is not cached: random parameters would fill the cache.
	Query []string
	// Tags are the groups that the pages belong to. {name} stands for a parameter of the
	// route, decoded: "product:{id}".
	Tags []string
	// Variant names what the handler makes of the request's Accept, such as
	// compact.Variant. Without it an answer with Vary: Accept is not stored.
	Variant func(*fiber.Ctx) string
}
