package middleware

import (
	"bytes"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// cacheKey is under which a request's Locals say what the cache does with it.
type cacheKey struct{}

const (
	searched = 1 + iota // a cache on the request's way looks for its page
	replayed            // the answer is a page, complete as it is kept
)

// Route returns the handler to put in front of the route's own, or of a group's.
// Of two on a request's way the outer one counts.
func (p *Cache) Route(route CacheRoute) fiber.Handler {
	keys := newKeys(route)
	return func(c *fiber.Ctx) error {
		switch {
		case c.Locals(cacheKey{}) != nil: // a group's cache stands around this one, and would wait for itself
			return c.Next()
		case !readable(c):
			return p.forward(c, directives{}, "method", "")
		case p.ttl == 0:
			return p.forward(c, directives{}, "bypass", "no-ttl")
		}
		header := readHeader(&c.Request().Header)
		asked := header.directives(c)
		if reason := p.refusesRequest(c, header); reason != "" {
			return p.forward(c, asked, "bypass", reason)
		}
		if asked.reload {
			return p.forward(c, asked, "request", "")
		}
		c.Locals(cacheKey{}, searched)
		key, reason := keys.key(c, header.forwarded)
		if reason != "" {
			return p.forward(c, asked, "bypass", reason)
		}
		tags, reason := keys.tags(c)
		if reason != "" {
			return p.forward(c, asked, "bypass", reason)
		}
		page, from, store := p.pages.Find(c.UserContext(), key, tags)
		if from == "" {
			return p.missed(c, asked, store)
		}
		age := page.age(time.Now())
		switch left := page.Lifetime - age; {
		case left <= 0:
			return p.forward(c, asked, "stale", "")
		case !asked.allows(age, left):
			return p.forward(c, asked, "request", "")
		}
		page.replay(c, from, age)
		if header.conditional && isHeld(c) {
			notModified(c.Response())
		}
		c.Locals(cacheKey{}, replayed)
		return nil
	}
}

// isReplayed reports whether the answer is a page, of which nothing is to be made any more.
func isReplayed(c *fiber.Ctx) bool { return c.Locals(cacheKey{}) == replayed }

// untried is the time of a page that nobody has tried to make.
const untried time.Duration = -1

func (p *Cache) missed(c *fiber.Ctx, asked directives, store func(*Page, time.Duration)) error {
	var page *Page
	var ttl time.Duration
	defer func() { store(page, ttl) }() // in a panic too, since others wait for it
	if asked.onlyIfCached || c.Method() == fiber.MethodHead {
		ttl = untried
		return p.forward(c, asked, "uri-miss", "")
	}
	var reason string
	var err error
	page, ttl, reason, err = p.fill(c)
	if page == nil {
		setStatus(c, "uri-miss", reason)
		return err
	}
	c.Response().Header.Add(headerCacheStatus, cacheName+"; fwd=uri-miss; stored")
	return nil
}

// fill runs the route and makes a page of its answer, or tells why not.
func (p *Cache) fill(c *fiber.Ctx) (*Page, time.Duration, string, error) {
	if trace := tracing.From(c.UserContext()); trace != nil {
		trace.Fills = true // what is a moment old now would be kept for long
	}
	before, start := responseFields(c), time.Now()
	restore := withoutConditions(c)
	err := c.Next()
	restore()
	response := c.Response()
	lines := cacheControlOf(c)
	if isNotFound(err) {
		// That the error handler says no-store of every error is not about this one.
		err = c.App().ErrorHandler(c, err)
	}
	if err != nil {
		return nil, 0, "", err
	}
	if p.encode != nil {
		p.encode.apply(c)
	}
	lifetime, reason := p.refusesResponse(c, lines, time.Since(start))
	if reason != "" {
		return nil, 0, reason, nil
	}
	if response.StatusCode() == fiber.StatusOK {
		ensureETag(response) // once, not for every hit
	}
	if len(lines) == 0 { // the handler said nothing; an error handler's no-store would not be true
		c.Set(fiber.HeaderCacheControl, "no-cache")
	}
	own, removed := ownFields(c, before)
	return &Page{
		Status:   response.StatusCode(),
		Type:     string(response.Header.ContentType()),
		Encoding: string(response.Header.ContentEncoding()),
		Body:     bytes.Clone(response.Body()),
		Fields:   own,
		Removed:  removed,
		Stored:   start.UnixNano(),
		Lifetime: lifetime,
	}, lifetime - time.Since(start), "", nil
}

// forward leaves the answer to the handler.
func (p *Cache) forward(c *fiber.Ctx, asked directives, why, detail string) error {
	if asked.onlyIfCached { // nothing is forwarded, so there is no status to tell, RFC 9211, section 2
		return fiber.ErrGatewayTimeout
	}
	defer setStatus(c, why, detail) // after the handler: a proxy puts its own header in the place of ours
	return c.Next()
}

func readable(c *fiber.Ctx) bool {
	return c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
}

func isNotFound(err error) bool {
	if ours, ok := errors.AsType[*problem.Error](err); ok {
		return ours.Code == problem.NotFound
	}
	fibers, ok := errors.AsType[*fiber.Error](err)
	return ok && fibers.Code == fiber.StatusNotFound
}
