package httpcache

import (
	"bytes"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/tracing"
)

// requestHeader says which of the fields that the cache obeys a request has. They are found
// in one pass.
type requestHeader struct {
	authorization, cookie, ranged, precondition, cacheControl, pragma, forwarded bool
}

func readHeader(header *fasthttp.RequestHeader) (h requestHeader) {
	for name, value := range header.All() {
		if len(value) == 0 { // an empty line must not hide the next one
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
		case fiber.HeaderCacheControl:
			h.cacheControl = true
		case fiber.HeaderPragma:
			h.pragma = true
		default: // a proxy may pass on another host or protocol
			h.forwarded = h.forwarded || bytes.HasPrefix(name, []byte("X-Forwarded-")) || string(name) == fiber.HeaderXUrlScheme
		}
	}
	return h
}

// bypassReason says why the request can neither be answered from the cache nor fill it, or
// "".
func bypassReason(c *fiber.Ctx, h requestHeader) string {
	length := c.Request().Header.ContentLength()
	switch {
	case h.authorization:
		return "authorization"
	case tracing.From(c.UserContext()).Private():
		return "session"
	case h.cookie:
		return "cookie"
	case h.ranged:
		return "range"
	case length > 0 || length == -1: // -1: it is chunked
		return "body"
	case h.precondition:
		return "precondition"
	}
	return ""
}

// directives are what the client asks of caches; noStore if it wants the handler's answer.
func (h requestHeader) directives(c *fiber.Ctx) directives {
	header := &c.Request().Header
	if h.cacheControl {
		return parseDirectives(header.PeekAll(fiber.HeaderCacheControl))
	}
	pragma := h.pragma && bytes.Contains(bytes.ToLower(header.Peek(fiber.HeaderPragma)), []byte("no-cache"))
	return directives{noStore: pragma, maxAge: notSet}
}

// withoutConditions removes the request's conditions, so that the route answers in full,
// and returns what restores them.
func withoutConditions(c *fiber.Ctx) (restore func()) {
	header := &c.Request().Header
	var removed []HeaderField
	for _, name := range []string{fiber.HeaderIfNoneMatch, fiber.HeaderIfModifiedSince} {
		for _, value := range header.PeekAll(name) {
			removed = append(removed, HeaderField{Name: name, Value: string(value)})
		}
		header.Del(name)
	}
	return func() {
		for _, field := range removed {
			header.Add(field.Name, field.Value)
		}
	}
}
