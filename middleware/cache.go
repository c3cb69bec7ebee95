package middleware

import (
	"context"
	"time"
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
// cache do.
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
}

// CacheConfig says how pages are cached.
type CacheConfig struct {
	Pages Pages
	// TTL is how long an answer is kept whose handler does not say. With 0 no page is
	// kept or looked for; with AsStated those alone are kept whose handler says.
	TTL        time.Duration
	Compressor *Compressor // compresses what is kept; may be nil
	// IgnoredCookies are the names of cookies that no handler reads, such as
	// those of an analytics script. Any other keeps a request from the cache.
	IgnoredCookies []string
}

// AsStated is the TTL of a cache that goes by the handlers' Cache-Control alone.
const AsStated = unsaid

// NewCache returns a cache of pages.
func NewCache(cfg CacheConfig) *Cache {
	return &Cache{pages: cfg.Pages, ttl: cfg.TTL, ignored: cfg.IgnoredCookies, encode: cfg.Compressor}
}

// CacheRoute declares what the answers of a route, or of a group, depend on.
type CacheRoute struct {
	// Query names the parameters that the handler reads. A request with another
	// one, or with one twice, is answered by the handler and not kept: else
	// made-up parameters would fill the cache.
	Query []string
	// Tags are the groups that the pages belong to, by which they are invalidated.
	// {name} stands for a parameter of the route, decoded: "product:{id}".
	Tags []string
}
