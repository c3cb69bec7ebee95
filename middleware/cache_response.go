package middleware

import (
	"bytes"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
)

// notFoundTTL bounds how long a 404 is kept whose handler does not say: long
// enough to bear a rush, too short to hide what has just been made.
const notFoundTTL = 2 * time.Second

// freshness is how old an answer is, and may become.
type freshness struct{ age, lifetime time.Duration }

// refusesResponse tells why the answer may not be kept, or "" and its freshness.
// words are its Cache-Control lines.
func (p *Cache) refusesResponse(c *fiber.Ctx, words [][]byte, took time.Duration) (freshness, string) {
	header := &c.Response().Header
	said := parseCacheControl(words...)
	switch status := c.Response().StatusCode(); {
	case status != fiber.StatusOK && status != fiber.StatusNotFound:
		return freshness{}, "status"
	case said.noStore || said.noCache || said.private || said.malformed:
		return freshness{}, "cache-control"
	case setsCookie(header):
		return freshness{}, "set-cookie"
	case personal(c): // a guard behind the cache has found a user
		return freshness{}, "user"
	case c.Response().IsBodyStream():
		return freshness{}, "stream"
	case len(header.Peek(fiber.HeaderContentRange)) > 0 || len(header.PeekTrailerKeys()) > 0:
		return freshness{}, "partial"
	case !variesByKey(c):
		return freshness{}, "vary"
	case services.TraceFrom(c.UserContext()).Stale():
		return freshness{}, "stale"
	}
	return p.freshnessOf(c, said, took)
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

// freshnessOf follows RFC 9111, sections 4.2.1 and 4.2.3. took is how long the
// route has run. Without freshness it tells why.
func (p *Cache) freshnessOf(c *fiber.Ctx, said cacheControl, took time.Duration) (freshness, string) {
	now, header := time.Now(), &c.Response().Header
	date := now
	if dates := header.PeekAll(fiber.HeaderDate); len(dates) == 1 {
		if d, ok := parseDate(dates[0]); ok {
			date = d
		}
	} else if len(dates) > 1 {
		return freshness{}, "age"
	}
	age, ok := ageOf(header.PeekAll(fiber.HeaderAge))
	if !ok {
		return freshness{}, "age"
	}
	lifetime := said.lifetime()
	if expires := header.PeekAll(fiber.HeaderExpires); lifetime == unsaid && len(expires) > 0 {
		at, ok := parseDate(expires[0])
		if !ok || len(expires) > 1 { // RFC 9111, section 5.3
			return freshness{}, "expired"
		}
		lifetime = max(0, at.Sub(date))
	}
	// Fields that are meant for other shared caches can only take from it.
	targeted := parseCacheControl(append(header.PeekAll("Cdn-Cache-Control"), header.PeekAll("Surrogate-Control")...)...)
	if targeted.noStore || targeted.noCache || targeted.private || targeted.malformed {
		return freshness{}, "cache-control"
	}
	lifetime = shorter(lifetime, targeted.lifetime())
	if lifetime == unsaid {
		if p.ttl == 0 {
			return freshness{}, "no-ttl"
		}
		lifetime = p.ttl
		if c.Response().StatusCode() == fiber.StatusNotFound {
			lifetime = min(lifetime, notFoundTTL)
		}
	}
	f := freshness{age: max(now.Sub(date)-took, age, 0), lifetime: min(lifetime, maxSeconds*time.Second)}
	if f.age+took >= f.lifetime {
		return freshness{}, "expired"
	}
	return f, ""
}

// ageOf reads the age that caches further up have noted. What is not one number
// leaves it open, so the answer may be of any age.
func ageOf(lines [][]byte) (age time.Duration, ok bool) {
	if len(lines) == 0 {
		return 0, true
	}
	age = seconds(string(lines[0]), unsaid)
	return age, age != unsaid && len(lines) == 1
}

func cacheControlOf(c *fiber.Ctx) [][]byte {
	var copied [][]byte
	for _, line := range c.Response().Header.PeekAll(fiber.HeaderCacheControl) {
		copied = append(copied, bytes.Clone(line))
	}
	return copied
}
