package middleware

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// Pages is where Cache keeps pages: memory over Redis, with the coherence that it promises.
type Pages interface {
	// Find returns the page under the key, and where it was ("memory" or "redis"). Without one, from is "" and
	// store must be called exactly once: with the page to keep and how long; with nil and 0 where the answer is not to
	// be kept, so that nobody queues for the next one; with nil and untried where there was none. Concurrent calls
	// for one absent key wait a bounded time for the first. tags are the groups that the page belongs to; when one
	// of them is invalidated, the page is gone, also where it was found or made at that moment.
	Find(ctx context.Context, key string, tags []string) (page *Page, from string, store func(*Page, time.Duration))
	// Invalidate drops every page that belongs to one of the tags.
	Invalidate(ctx context.Context, tags ...string) error
}

// Cache keeps finished answers and gives them again, as RFC 9111 lets a shared
// cache do. The work is done by Fiber's cache middleware; Cache decides what may
// be asked of it, and brings it the one page that a request is about.
//
// Only anonymous GET and HEAD requests are answered from it. One with
// Authorization, a session, or any cookie that is not named as ignored goes to
// the handler, since the answer may depend on it. What the handler says about an
// answer (Cache-Control, Vary, Set-Cookie) is obeyed; Cache-Status tells what
// was done, and why.
type Cache struct {
	pages   Pages
	ttl     time.Duration
	ignored []string
	encode  *Compressor
	slots   *slots
	fiber   fiber.Handler
	keep    fasthttp.RequestHandler
}

// CacheConfig says how pages are cached.
type CacheConfig struct {
	Pages Pages
	// TTL is how long an answer is kept whose handler does not say. With 0 only
	// those are kept whose handler does.
	TTL        time.Duration
	Compressor *Compressor // compresses what is kept; may be nil
	// IgnoredCookies are the names of cookies that no handler reads, such as
	// those of an analytics script. Any other keeps a request from the cache.
	IgnoredCookies []string
}

// NewCache returns a cache of pages.
func NewCache(cfg CacheConfig) *Cache {
	slots := new(slots)
	fiberCache := newFiberCache(slots)
	return &Cache{
		pages:   cfg.Pages,
		ttl:     cfg.TTL,
		ignored: cfg.IgnoredCookies,
		encode:  cfg.Compressor,
		slots:   slots,
		fiber:   fiberCache,
		keep:    onFinished(fiberCache),
	}
}

// CacheRoute declares what the answers of a route, or of a group, depend on.
type CacheRoute struct {
	// Query names the parameters that the handler reads. A request with another
	// one, or with one twice, is answered by the handler and not kept: else
	// made-up parameters would fill the cache.
	Query []string
	// AnyQuery takes every query string as a page of its own, for a handler that
	// proxies.
	AnyQuery bool
	// Tags are the groups that the pages belong to, by which they are invalidated.
	// {name} stands for a parameter of the route, decoded: "product:{id}".
	Tags []string
	// Writes says that the route takes unsafe methods too. Each path is then a
	// tag of its own, and a successful PUT, say, drops the path's pages and those
	// of the Location and Content-Location that it names.
	Writes bool
}
