package middleware

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
)

// Route returns the handler to put in front of the route's own, or of a group's.
// Of two on a request's way the outer one counts.
func (p *Cache) Route(route CacheRoute) fiber.Handler {
	keys := newKeys(route)
	return func(c *fiber.Ctx) error {
		if !readable(c) {
			return p.write(c, route.Writes)
		}
		wish := wishOf(c)
		if reason := p.refusesRequest(c); reason != "" {
			return p.forward(c, wish, "bypass", reason)
		}
		if wish.reload {
			return p.forward(c, wish, "request", "")
		}
		if c.Locals(slotKey{}) != nil { // a group's cache stands around this one, and would wait for itself
			return c.Next()
		}
		s := p.slots.take()
		defer p.slots.give(s)
		c.Locals(slotKey{}, s)
		key, reason := keys.key(c, s)
		if reason != "" {
			return p.forward(c, wish, "bypass", reason)
		}
		tags, reason := keys.tags(c)
		if reason != "" {
			return p.forward(c, wish, "bypass", reason)
		}
		page, from, store := p.pages.Find(c.UserContext(), key, tags)
		if from != "" {
			return p.found(c, s, wish, page, from)
		}
		return p.missed(c, s, wish, store)
	}
}

func (p *Cache) found(c *fiber.Ctx, s *slot, wish wish, page *Page, from string) error {
	age := page.age(time.Now())
	left := page.Lifetime - age
	if left <= 0 {
		return p.forward(c, wish, "stale", "")
	}
	if !wish.allows(age, left) {
		return p.forward(c, wish, "request", "")
	}
	return p.replay(c, s, page, from, age)
}

// untried is the time of a page that nobody has tried to make.
const untried time.Duration = -1

func (p *Cache) missed(c *fiber.Ctx, s *slot, wish wish, store func(*Page, time.Duration)) error {
	var page *Page
	var ttl time.Duration
	defer func() { store(page, ttl) }() // in a panic too, since others wait for it
	if wish.onlyIfCached || c.Method() == fiber.MethodHead {
		ttl = untried
		return p.forward(c, wish, "uri-miss", "")
	}
	var reason string
	var err error
	page, ttl, reason, err = p.fill(c, s)
	if page == nil {
		setStatus(c, "uri-miss", reason)
		return err
	}
	c.Response().Header.Add(headerCacheStatus, cacheName+"; fwd=uri-miss; stored")
	return nil
}

// fill runs the route and makes a page of its answer, or tells why not.
func (p *Cache) fill(c *fiber.Ctx, s *slot) (*Page, time.Duration, string, error) {
	if trace := services.TraceFrom(c.UserContext()); trace != nil {
		trace.Fills = true // what is a moment old now would be kept for long
	}
	before, start := fieldsOf(c), time.Now()
	restore := withoutConditions(c)
	err := c.Next()
	restore()
	words := cacheControlOf(c)
	failed := isNotFound(err)
	if failed {
		// That the error handler says no-store of every error is not about this one.
		err = c.App().ErrorHandler(c, err)
	}
	if err != nil {
		return nil, 0, "", err
	}
	if p.encode != nil {
		p.encode.apply(c)
	}
	life, reason := p.refusesResponse(c, words, time.Since(start))
	if reason != "" {
		return nil, 0, reason, nil
	}
	if c.Response().StatusCode() == fiber.StatusOK {
		ensureETag(c.Response()) // once, not for every hit
	}
	if failed && len(words) == 0 {
		c.Set(fiber.HeaderCacheControl, "no-cache") // the error handler's no-store would not be true
	}
	p.keep(c.Context())
	c.Response().Header.Del(headerXCache)
	if s.body == nil && s.meta == nil {
		return nil, 0, "not-kept", nil
	}
	own, removed := ownFields(c, before)
	return &Page{
		Meta:     s.meta,
		Body:     s.body,
		Fields:   own,
		Removed:  removed,
		Stored:   start.UnixNano(),
		Age:      life.age,
		Lifetime: life.lifetime,
	}, life.lifetime - life.age - time.Since(start), "", nil
}

// forward leaves the answer to the handler.
func (p *Cache) forward(c *fiber.Ctx, wish wish, why, detail string) error {
	if wish.onlyIfCached { // nothing is forwarded, so there is no status to tell, RFC 9211, section 2
		return fiber.ErrGatewayTimeout
	}
	defer setStatus(c, why, detail) // after the handler: a proxy puts its own header in the place of ours
	return c.Next()
}

// write lets an unsafe request pass, and drops what a success of it has changed.
func (p *Cache) write(c *fiber.Ctx, invalidates bool) error {
	err := c.Next()
	setStatus(c, "method", "")
	if err != nil {
		return err
	}
	if !invalidates || isSafe(c) || c.Response().StatusCode() >= fiber.StatusBadRequest {
		return nil
	}
	return p.pages.Invalidate(c.UserContext(), pathTags(c)...)
}

func readable(c *fiber.Ctx) bool {
	return c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
}

func isNotFound(err error) bool {
	if ours, ok := errors.AsType[*services.Error](err); ok {
		return ours.Code == services.NotFound
	}
	fibers, ok := errors.AsType[*fiber.Error](err)
	return ok && fibers.Code == fiber.StatusNotFound
}
