package httpcache

import (
	"math"
	"strconv"
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
// reason why it may not. d are the handler's.
func (h *Cache) lifetime(c *fiber.Ctx, route RouteConfig, d directives) (time.Duration, string) {
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
	case has(header, fiber.HeaderContentRange) || len(header.PeekTrailerKeys()) > 0:
		return 0, "partial"
	case !route.covers(c):
		return 0, "vary"
	case tracing.From(c.UserContext()).Stale():
		return 0, "stale"
	// These are of another server, which may have stored the answer for a while.
	case has(header, fiber.HeaderAge, fiber.HeaderDate, "Cdn-Cache-Control", "Surrogate-Control"),
		d.lifetime() == notSet && has(header, fiber.HeaderExpires):
		return 0, "age"
	case d.lifetime() != notSet:
		return d.lifetime(), ""
	case status == fiber.StatusNotFound:
		return min(h.cfg.TTL, notFoundTTL), ""
	}
	return h.cfg.TTL, ""
}

func has(header *fasthttp.ResponseHeader, names ...string) bool {
	for _, name := range names {
		if len(header.Peek(name)) > 0 {
			return true
		}
	}
	return false
}

// covers reports whether the key contains all that the answer varies by.
func (r *RouteConfig) covers(c *fiber.Ctx) bool {
	header := &c.Response().Header
	for name := range negotiate.Members(header.PeekAll(fiber.HeaderVary)) {
		switch strings.ToLower(name) {
		case "":
		case "accept-encoding": // the handler may choose another one than the key has
			encoding := string(header.ContentEncoding())
			if encoding != "" && encoding != negotiate.Encoding(c) {
				return false
			}
		case "accept":
			if r.Variant == nil {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// directives are those of Cache-Control that a shared cache obeys, RFC 9111, section 5.2.
// Of two that contradict each other, the stricter one counts.
type directives struct {
	noStore         bool          // or no-cache, private, or a syntax error
	maxAge, sMaxAge time.Duration // 0 if malformed
}

const notSet = time.Duration(math.MaxInt64)

// lifetime is what counts for a shared cache, or notSet.
func (d directives) lifetime() time.Duration {
	if d.sMaxAge != notSet {
		return d.sMaxAge
	}
	return d.maxAge
}

func parseDirectives(lines [][]byte) directives {
	d := directives{maxAge: notSet, sMaxAge: notSet}
	for member := range negotiate.Members(lines) {
		name, value, _ := strings.Cut(member, "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache", "private": // also with an argument
			d.noStore = true
		case "max-age":
			d.maxAge = min(d.maxAge, seconds(value))
		case "s-maxage":
			d.sMaxAge = min(d.sMaxAge, seconds(value))
		default:
			unclosed := strings.HasPrefix(value, `"`) && (len(value) == 1 || !strings.HasSuffix(value, `"`))
			d.noStore = d.noStore || unclosed || strings.ContainsAny(name, " \t\"")
		}
	}
	return d
}

// seconds parses delta-seconds, also as a quoted string. A malformed one is 0, and one that is
// too large the largest.
func seconds(text string) time.Duration {
	n, _ := strconv.ParseUint(strings.Trim(text, `"`), 10, 31)
	return time.Duration(n) * time.Second
}
