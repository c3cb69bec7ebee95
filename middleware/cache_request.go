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

// requestHeader is what a request's header has of what the cache goes by, found in one pass.
type requestHeader struct {
	authorization, cookie, ranged, precondition, conditional, cacheControl, pragma, forwarded bool
}

func readHeader(header *fasthttp.RequestHeader) (h requestHeader) {
	for name, value := range header.All() {
		if len(value) == 0 { // an empty line says nothing, and hides no other
			continue
		}
		switch string(name) {
		case fiber.HeaderAuthorization:
			h.authorization = true
		case fiber.HeaderCookie:
			h.cookie = true
		case fiber.HeaderRange:
			h.ranged = true
		case fiber.HeaderIfMatch, fiber.HeaderIfUnmodifiedSince:
			h.precondition = true
		case fiber.HeaderIfNoneMatch, fiber.HeaderIfModifiedSince:
			h.conditional = true
		case fiber.HeaderCacheControl:
			h.cacheControl = true
		case fiber.HeaderPragma:
			h.pragma = true
		default:
			h.forwarded = h.forwarded || isForwarded(name)
		}
	}
	return h
}

// refusesRequest tells why the request may neither be answered from the cache nor
// fill it, or "".
func (p *Cache) refusesRequest(c *fiber.Ctx, h requestHeader) string {
	header := &c.Request().Header
	switch {
	case h.authorization:
		return "authorization"
	case isOfUser(c):
		return "session"
	case h.cookie && p.hasCookie(header):
		return "cookie"
	case h.ranged:
		return "range"
	case header.ContentLength() > 0 || header.ContentLength() == -1: // it is chunked
		return "body"
	case h.precondition:
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

// directives are what a client asks of caches, RFC 9111, section 5.2.1. Nothing stale is
// ever given, so max-stale is granted as it stands.
type directives struct {
	reload       bool // it wants the handler's own answer, or not to be remembered
	onlyIfCached bool
	maxAge       time.Duration // unsaid where not given
	minFresh     time.Duration
}

func (h requestHeader) directives(c *fiber.Ctx) directives {
	header := &c.Request().Header
	if h.cacheControl {
		d := parseCacheControl(header.PeekAll(fiber.HeaderCacheControl)...)
		return directives{
			reload:       d.noCache || d.noStore || d.malformed,
			onlyIfCached: d.onlyIfCached, maxAge: d.maxAge, minFresh: d.minFresh,
		}
	}
	return directives{
		reload: h.pragma && bytes.Contains(bytes.ToLower(header.Peek(fiber.HeaderPragma)), []byte("no-cache")),
		maxAge: unsaid, minFresh: unsaid,
	}
}

// allows reports whether a page of that age, with that time left, will do.
func (d *directives) allows(age, left time.Duration) bool {
	return (d.maxAge == unsaid || age <= d.maxAge) && left >= d.minFresh
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
