package httpcache

import (
	"bytes"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/negotiate"
	"example.com/prefab/services/tracing"
)

// notFoundTTL is how long a 404 without a max-age is stored at most: long enough for a
// burst of requests, too short to hide what has just been created.
const notFoundTTL = 2 * time.Second

// lifetime returns for how long the answer may be stored, from when the route began, or the
// reason why it may not. took is how long the route has run.
func (h *Cache) lifetime(c *fiber.Ctx, keys *keys, d directives, took time.Duration) (time.Duration, string) {
	header := &c.Response().Header
	status := c.Response().StatusCode()
	switch {
	case status != fiber.StatusOK && status != fiber.StatusNotFound:
		return 0, "status"
	case d.noStore:
		return 0, "cache-control"
	case negotiate.SetsCookie(header):
		return 0, "set-cookie"
	case negotiate.IsPrivate(c): // a guard behind the cache has found a user
		return 0, "user"
	case c.Response().IsBodyStream():
		return 0, "stream"
	case len(header.Peek(fiber.HeaderContentRange)) > 0 || len(header.PeekTrailerKeys()) > 0:
		return 0, "partial"
	case !keys.covers(c):
		return 0, "vary"
	case isForwarded(header, d):
		return 0, "age"
	case tracing.From(c.UserContext()).Stale():
		return 0, "stale"
	}
	lifetime := d.lifetime()
	if lifetime == notSet {
		lifetime = h.ttl
		if status == fiber.StatusNotFound {
			lifetime = min(lifetime, notFoundTTL)
		}
	}
	if lifetime <= took {
		return 0, "expired"
	}
	return lifetime, ""
}

// isForwarded reports whether the answer comes from another server, which may have stored
// it for a while: these fields are never set by a handler.
func isForwarded(header *fasthttp.ResponseHeader, d directives) bool {
	for name := range header.All() {
		switch string(name) {
		case fiber.HeaderAge, fiber.HeaderDate, "Cdn-Cache-Control", "Surrogate-Control":
			return true
		case fiber.HeaderExpires:
			if d.lifetime() == notSet {
				return true
			}
		}
	}
	return false
}

// covers reports whether the key contains all that the answer varies by.
func (k *keys) covers(c *fiber.Ctx) bool {
	header := &c.Response().Header
	for _, line := range header.PeekAll(fiber.HeaderVary) {
		for name := range bytes.SplitSeq(line, []byte(",")) {
			switch strings.ToLower(string(bytes.TrimSpace(name))) {
			case "":
			case "accept-encoding": // the handler may choose another one than the key has
				encoding := string(header.ContentEncoding())
				if encoding != "" && encoding != negotiate.Encoding(c) {
					return false
				}
			case "accept":
				if k.route.Variant == nil {
					return false
				}
			default:
				return false
			}
		}
	}
	return true
}
