package middleware

import (
	"bytes"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// has reports whether the request has that header, in whichever of its lines: an
// empty one before must not hide it. The name must be written as it is stored.
func has(header *fasthttp.RequestHeader, name string) bool {
	for _, line := range header.PeekAll(name) {
		if len(line) > 0 {
			return true
		}
	}
	return false
}

// refusesRequest tells why the request may neither be answered from the cache nor
// fill it, or "".
func (p *Cache) refusesRequest(c *fiber.Ctx) string {
	header := &c.Request().Header
	switch {
	case has(header, fiber.HeaderAuthorization):
		return "authorization"
	case personal(c):
		return "session"
	case has(header, fiber.HeaderCookie) && p.hasCookie(header):
		return "cookie"
	case has(header, fiber.HeaderRange):
		return "range"
	case header.ContentLength() > 0 || header.ContentLength() == -1: // it is chunked
		return "body"
	case has(header, fiber.HeaderIfMatch) || has(header, fiber.HeaderIfUnmodifiedSince):
		return "precondition"
	}
	return ""
}

// hasCookie reports whether there is a cookie that a handler might read.
func (p *Cache) hasCookie(header *fasthttp.RequestHeader) bool {
	for name := range header.Cookies() {
		if !slices.Contains(p.ignored, string(name)) {
			return true
		}
	}
	return false
}

// wish is what a client asks of caches, RFC 9111, section 5.2.1. Nothing stale is
// ever given, so max-stale is granted as it stands.
type wish struct {
	reload       bool // it wants the handler's own answer, or not to be remembered
	onlyIfCached bool
	maxAge       time.Duration // unsaid where not given
	minFresh     time.Duration
}

func wishOf(c *fiber.Ctx) wish {
	header := &c.Request().Header
	w := wish{maxAge: unsaid, minFresh: unsaid}
	if !has(header, fiber.HeaderCacheControl) {
		w.reload = has(header, fiber.HeaderPragma) &&
			bytes.Contains(bytes.ToLower(header.Peek(fiber.HeaderPragma)), []byte("no-cache"))
		return w
	}
	lines := header.PeekAll(fiber.HeaderCacheControl)
	d := parseCacheControl(lines...)
	w.onlyIfCached, w.maxAge, w.minFresh = d.onlyIfCached, d.maxAge, d.minFresh
	// Fiber's middleware looks for the words anywhere in the header.
	w.reload = d.malformed || slices.ContainsFunc(lines, func(line []byte) bool {
		line = bytes.ToLower(line)
		return bytes.Contains(line, []byte("no-cache")) || bytes.Contains(line, []byte("no-store"))
	})
	return w
}

// allows reports whether a page of that age, with that time left, will do.
func (w *wish) allows(age, left time.Duration) bool {
	return (w.maxAge == unsaid || age <= w.maxAge) && left >= w.minFresh
}

// withoutConditions takes the conditions off the request, so that the route
// answers in full, and returns what puts them back.
func withoutConditions(c *fiber.Ctx) (restore func()) {
	header := &c.Request().Header
	var taken []HeaderField
	for _, name := range []string{fiber.HeaderIfNoneMatch, fiber.HeaderIfModifiedSince} {
		for _, value := range header.PeekAll(name) {
			taken = append(taken, HeaderField{Name: name, Value: string(value)})
		}
		header.Del(name)
	}
	return func() { addFields(header, taken) }
}

func addFields(header *fasthttp.RequestHeader, fields []HeaderField) {
	for _, field := range fields {
		header.Add(field.Name, field.Value)
	}
}
