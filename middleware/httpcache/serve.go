package httpcache

import (
	"bytes"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/negotiate"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// activeKey marks, in a request's Locals, that a cache already handles it.
type activeKey struct{}

// Route returns the handler to mount before the handlers of a route or of a group. If two
// are mounted on a request's way, only the outer one is active.
func (h *Cache) Route(route RouteConfig) fiber.Handler {
	keys := newKeys(route)
	return func(c *fiber.Ctx) error {
		switch {
		case c.Locals(activeKey{}) != nil: // else it would wait for the flight that the outer cache leads
			return c.Next()
		case !isRead(c):
			return bypass(c, "method", "")
		case h.ttl == 0:
			return bypass(c, "bypass", "no-ttl")
		}
		header := readHeader(&c.Request().Header)
		if reason := bypassReason(c, header); reason != "" {
			return bypass(c, "bypass", reason)
		}
		asked := header.directives(c)
		if asked.noStore {
			return bypass(c, "request", "")
		}
		c.Locals(activeKey{}, true)
		key, reason := keys.key(c, header.forwarded)
		if reason != "" {
			return bypass(c, "bypass", reason)
		}
		tags, ok := keys.tags(c)
		if !ok {
			return bypass(c, "bypass", "tag")
		}
		page, from, store := h.store.Find(c.UserContext(), key, tags)
		if from == "" {
			return h.serveMiss(c, store, keys)
		}
		age := page.age(time.Now())
		switch {
		case age >= page.Lifetime:
			return bypass(c, "stale", "")
		case age > asked.maxAge || page.Lifetime-age < asked.minFresh:
			return bypass(c, "request", "")
		}
		page.send(c, from, age)
		return nil
	}
}

func (h *Cache) serveMiss(c *fiber.Ctx, store func(*Page, time.Duration), keys *keys) error {
	var page *Page
	var ttl time.Duration
	defer func() { store(page, ttl) }() // also in a panic, since others wait for it
	if c.Method() == fiber.MethodHead {
		ttl = NoPage
		return bypass(c, "uri-miss", "")
	}
	var reason string
	var err error
	page, ttl, reason, err = h.fill(c, keys)
	if page == nil {
		setStatus(c, "uri-miss", reason)
		return err
	}
	c.Response().Header.Add(headerCacheStatus, cacheName+"; fwd=uri-miss; stored")
	return nil
}

// fill runs the route, and returns a page of its answer or the reason why there is none.
func (h *Cache) fill(c *fiber.Ctx, keys *keys) (*Page, time.Duration, string, error) {
	if trace := tracing.From(c.UserContext()); trace != nil {
		// L1 values are used only if Redis confirms them: an older one would be stored for the whole TTL.
		trace.MakesPage = true
	}
	before, start := fieldsOf(c.Response()), time.Now()
	restore := withoutConditions(c)
	err := c.Next()
	restore()
	response := c.Response()
	directives := parseDirectives(response.Header.PeekAll(fiber.HeaderCacheControl))
	explicit := len(response.Header.Peek(fiber.HeaderCacheControl)) > 0
	if isNotFound(err) {
		err = c.App().ErrorHandler(c, err) // whose no-store is for errors that are not stored
	}
	if err != nil {
		return nil, 0, "", err
	}
	h.compress(c)
	lifetime, reason := h.lifetime(c, keys, directives, time.Since(start))
	if reason != "" {
		return nil, 0, reason, nil
	}
	if response.StatusCode() == fiber.StatusOK {
		negotiate.EnsureETag(response) // once, not for every hit
	}
	if !explicit {
		c.Set(fiber.HeaderCacheControl, "no-cache")
	}
	return &Page{
		Status:   response.StatusCode(),
		Type:     string(response.Header.ContentType()),
		Encoding: string(response.Header.ContentEncoding()),
		Body:     bytes.Clone(response.Body()),
		Fields:   routeFields(before, fieldsOf(response)),
		Stored:   start.UnixNano(),
		Lifetime: lifetime,
	}, lifetime - time.Since(start), "", nil
}

// bypass runs the handler without the cache.
func bypass(c *fiber.Ctx, why, detail string) error {
	defer setStatus(c, why, detail) // afterwards, since a proxy replaces the header
	return c.Next()
}

func isRead(c *fiber.Ctx) bool {
	return c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
}

func isNotFound(err error) bool {
	if ours, ok := errors.AsType[*problem.Error](err); ok {
		return ours.Code == problem.NotFound
	}
	fiberError, ok := errors.AsType[*fiber.Error](err)
	return ok && fiberError.Code == fiber.StatusNotFound
}
