package httpcache

import (
	"bytes"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/negotiate"
	"example.com/prefab/services/tracing"
)

// readHeader says why the request can neither be answered from the cache nor fill it, or
// "", and whether a proxy may have passed on another host or protocol.
func readHeader(c *fiber.Ctx) (reason string, proxied bool) {
	header := &c.Request().Header
	if length := header.ContentLength(); length > 0 || length == -1 { // -1: it is chunked
		return "body", false
	}
	if tracing.From(c.UserContext()).Private() {
		return "session", false
	}
	for name, value := range header.All() {
		if len(value) == 0 { // an empty line must not hide the next one
			continue
		}
		switch string(name) {
		case fiber.HeaderAuthorization:
			return "authorization", false
		case fiber.HeaderCookie:
			return "cookie", false
		case fiber.HeaderRange:
			return "range", false
		case fiber.HeaderIfMatch, fiber.HeaderIfUnmodifiedSince:
			return "precondition", false
		default:
			proxied = proxied || bytes.HasPrefix(name, []byte("X-Forwarded-")) || string(name) == fiber.HeaderXUrlScheme
		}
	}
	return "", proxied
}

const (
	maxKey   = 1024 // bytes
	maxParam = 128  // bytes of a route's parameter in a tag
)

// key returns the page's key, which holds all that the answer may depend on, or the reason
// why there is none. The path has one spelling, by request.CanonicalPath.
func (r *RouteConfig) key(c *fiber.Ctx, proxied bool) (key, reason string) {
	var space [maxKey / 4]byte // on the stack
	buf := append(space[:0], "http://"...)
	uri, query := c.Context().URI(), c.Context().QueryArgs()
	if proxied {
		buf = append(append(space[:0], c.Protocol()...), "://"...)
		buf = append(buf, utils.ToLower(c.Hostname())...)
	} else {
		if c.Context().IsTLS() {
			buf = append(space[:0], "https://"...)
		}
		buf = append(buf, uri.Host()...) // in lower case
	}
	buf = append(append(buf, '\n'), uri.PathOriginal()...) // no host has a line break, so host and path stay apart
	known := 0
	for _, name := range r.Query { // in the order of their declaration
		if query.Has(name) {
			known++
			buf = append(append(append(buf, '?'), name...), '=')
			buf = fasthttp.AppendQuotedArg(buf, query.Peek(name))
		}
	}
	if known != query.Len() {
		return "", "query"
	}
	buf = append(append(buf, '\n'), negotiate.Encoding(c)...)
	if r.Variant != nil {
		buf = append(append(buf, '\n'), r.Variant(c)...)
	}
	if len(buf) > maxKey {
		return "", "key-length"
	}
	return string(buf), ""
}

// fillTags puts the route's parameters into tags, as the handlers get them. It returns nil
// if one is missing or too long: nothing could invalidate the page.
func fillTags(tags []string, c *fiber.Ctx) []string {
	filled := make([]string, len(tags))
	for i, tag := range tags {
		var space [maxParam]byte // on the stack
		buf := space[:0]
		for {
			text, rest, found := strings.Cut(tag, "{")
			buf = append(buf, text...)
			if !found {
				break
			}
			name, after, _ := strings.Cut(rest, "}")
			value := c.Params(name)
			if value == "" || len(value) > maxParam {
				return nil
			}
			buf, tag = append(buf, value...), after
		}
		filled[i] = string(buf)
	}
	return filled
}
