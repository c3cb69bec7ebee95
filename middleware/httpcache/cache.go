// Package httpcache stores finished answers and sends them again, as RFC 9111 allows a
// shared cache to do. It promises that
//
//   - only anonymous GET and HEAD requests are answered from it: one with Authorization, a
//     session or any cookie goes to the handler;
//   - the handler's Cache-Control, Vary and Set-Cookie are obeyed; the headers of CORS outside
//     of the cache are no part of a page;
//   - an answer belongs to tags, and is gone once one of them is invalidated;
//   - of concurrent requests for an absent answer one runs the handler, and the others wait
//     for a bounded time;
//   - Cache-Status (RFC 9211) says what was done, and why.
//
// For example, with the two-level cache of repositories/cache as the store:
//
//	responses := httpcache.New(httpcache.Config{
//		Store: cache.NewTable[*httpcache.Page](values, cache.TableOptions{Name: "page"}),
//		TTL:   10 * time.Second,
//	})
//	app.Use(request.Trace(time.Minute, nil), request.CanonicalPath, negotiate.ConditionalRequests)
//	app.Get("/products/:id", responses.Route(httpcache.RouteConfig{
//		Query: []string{"currency"}, Tags: []string{"product:{id}"},
//	}), show)
//	…
//	err := values.Invalidate(ctx, "product:42") // after a write
package httpcache

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/negotiate"
	"example.com/prefab/services/tracing"
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
type Cache struct{ cfg Config }

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
func New(cfg Config) *Cache { return &Cache{cfg} }

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

// Route returns the handler to mount before the handlers of a route or of a group, but not
// of both: the inner one would wait for the outer one.
func (h *Cache) Route(route RouteConfig) fiber.Handler {
	dynamic := slices.ContainsFunc(route.Tags, func(tag string) bool { return strings.Contains(tag, "{") })
	return func(c *fiber.Ctx) error {
		switch {
		case !isRead(c):
			return forward(c, "method", "")
		case h.cfg.TTL == 0:
			return forward(c, "bypass", "no-ttl")
		}
		reason, proxied := readHeader(c)
		if reason != "" {
			return forward(c, "bypass", reason)
		}
		asked := parseDirectives(c.Request().Header.PeekAll(fiber.HeaderCacheControl))
		if asked.noStore {
			return forward(c, "request", "")
		}
		key, reason := route.key(c, proxied)
		if reason != "" {
			return forward(c, "bypass", reason)
		}
		tags := route.Tags
		if dynamic {
			if tags = fillTags(tags, c); tags == nil {
				return forward(c, "bypass", "tag")
			}
		}
		page, from, store := h.cfg.Store.Find(c.UserContext(), key, tags)
		if from == "" {
			return h.serveMiss(c, route, store)
		}
		age := page.age(time.Now())
		switch {
		case age >= page.Lifetime:
			return forward(c, "stale", "")
		case age > asked.maxAge:
			return forward(c, "request", "")
		}
		page.send(c, from, age)
		return nil
	}
}

// forward runs the handler without the cache.
func forward(c *fiber.Ctx, why, detail string) error {
	defer setStatus(c, why, detail) // afterwards, since a proxy replaces the header
	return c.Next()
}

func isRead(c *fiber.Ctx) bool {
	return c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
}

func (h *Cache) serveMiss(c *fiber.Ctx, route RouteConfig, store func(*Page, time.Duration)) error {
	var page *Page
	ttl := NotStorable
	defer func() { store(page, ttl) }() // also in a panic, since others wait for it
	if c.Method() == fiber.MethodHead {
		ttl = NoPage
		return forward(c, "uri-miss", "")
	}
	if trace := tracing.From(c.UserContext()); trace != nil {
		// A value in memory is used only if Redis confirms it: an older one would be part of
		// the stored response for the whole TTL.
		trace.MakesPage = true
	}
	response := c.Response()
	before, start := fieldsOf(response), time.Now()
	if slices.Equal(before[fiber.HeaderVary], []string{fiber.HeaderOrigin}) {
		// CORS outside of the cache decides again for each hit; the handler may still vary by it.
		response.Header.Del(fiber.HeaderVary)
		defer c.Vary(fiber.HeaderOrigin)
	}
	err := c.Next()
	lines := response.Header.PeekAll(fiber.HeaderCacheControl) // those of the handler
	directives, explicit := parseDirectives(lines), len(lines) > 0
	if err != nil { // a 404 may be stored, although the error handler says no-store
		if err := c.App().ErrorHandler(c, err); err != nil {
			return err
		}
	}
	if h.cfg.Compress != nil {
		h.cfg.Compress(c)
	}
	lifetime, reason := h.lifetime(c, route, directives)
	if reason == "" && lifetime <= time.Since(start) {
		reason = "expired"
	}
	if reason != "" {
		setStatus(c, "uri-miss", reason)
		return nil
	}
	if response.StatusCode() == fiber.StatusOK {
		negotiate.EnsureETag(response) // once, not for every hit
	}
	if !explicit {
		c.Set(fiber.HeaderCacheControl, "no-cache")
	}
	page = &Page{
		Status:   response.StatusCode(),
		Body:     bytes.Clone(response.Body()),
		Fields:   ownFields(before, fieldsOf(response)),
		Stored:   start.UnixNano(),
		Lifetime: lifetime,
	}
	ttl = lifetime - time.Since(start)
	response.Header.Add(headerCacheStatus, cacheName+"; fwd=uri-miss; stored")
	return nil
}
