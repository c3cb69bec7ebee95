package middleware

import (
	"bytes"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/tracing"
)

// notFoundTTL bounds how long a 404 is kept whose handler does not say: long
// enough to bear a rush, too short to hide what has just been made.
const notFoundTTL = 2 * time.Second

// refusesResponse tells why the answer may not be kept, or "" and for how long it may,
// counted from when the route began. lines are its Cache-Control lines, took is how long
// the route has run.
func (p *Cache) refusesResponse(c *fiber.Ctx, lines [][]byte, took time.Duration) (time.Duration, string) {
	header := &c.Response().Header
	said := parseCacheControl(lines...)
	switch status := c.Response().StatusCode(); {
	case status != fiber.StatusOK && status != fiber.StatusNotFound:
		return 0, "status"
	case said.noStore || said.noCache || said.private || said.malformed:
		return 0, "cache-control"
	case setsCookie(header):
		return 0, "set-cookie"
	case personal(c): // a guard behind the cache has found a user
		return 0, "user"
	case c.Response().IsBodyStream():
		return 0, "stream"
	case len(header.Peek(fiber.HeaderContentRange)) > 0 || len(header.PeekTrailerKeys()) > 0:
		return 0, "partial"
	case !variesByKey(c):
		return 0, "vary"
	case isTimedOtherwise(header, said):
		return 0, "age"
	case tracing.From(c.UserContext()).Stale():
		return 0, "stale"
	}
	lifetime := said.lifetime()
	if lifetime == unsaid {
		lifetime = p.ttl
		if c.Response().StatusCode() == fiber.StatusNotFound {
			lifetime = min(lifetime, notFoundTTL)
		}
	}
	switch lifetime = min(lifetime, maxSeconds*time.Second); {
	case lifetime == unsaid:
		return 0, "no-ttl"
	case lifetime <= took:
		return 0, "expired"
	}
	return lifetime, ""
}

// isTimedOtherwise reports whether more than Cache-Control says how long the answer may
// be kept. That is a proxy's, whose answers may be old already.
func isTimedOtherwise(header *fasthttp.ResponseHeader, said cacheControl) bool {
	for name := range header.All() {
		switch string(name) {
		case fiber.HeaderAge, fiber.HeaderDate, "Cdn-Cache-Control", "Surrogate-Control":
			return true
		case fiber.HeaderExpires:
			if said.lifetime() == unsaid {
				return true
			}
		}
	}
	return false
}

// variesByKey reports whether all that the answer varies by is part of the key.
func variesByKey(c *fiber.Ctx) bool {
	header := &c.Response().Header
	for _, line := range header.PeekAll(fiber.HeaderVary) {
		for name := range bytes.SplitSeq(line, []byte(",")) {
			switch strings.ToLower(string(bytes.TrimSpace(name))) {
			case "":
			case "accept-encoding":
				// The key has the encoding that we would choose, and a handler may
				// choose otherwise.
				encoding := string(header.ContentEncoding())
				if encoding != "" && encoding != negotiate(c) {
					return false
				}
			case "accept":
				if !isCompactRoute(c) {
					return false
				}
			default:
				return false
			}
		}
	}
	return true
}

func cacheControlOf(c *fiber.Ctx) [][]byte {
	var copied [][]byte
	for _, line := range c.Response().Header.PeekAll(fiber.HeaderCacheControl) {
		copied = append(copied, bytes.Clone(line))
	}
	return copied
}
