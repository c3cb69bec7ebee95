package middleware

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"
)

// Validators answers conditional requests, and says how clients may keep what
// they get. It stands outside of the cache and of compression, so that an ETag
// is of the bytes that are sent. An answer to GET or HEAD gets
//
//   - an ETag where it has none, from its body; streams get none, nor what
//     nobody may store;
//   - 304 without a body where the client's If-None-Match or If-Modified-Since
//     shows that it has it already;
//   - Cache-Control: no-cache where the handler said nothing, so that clients ask
//     before each use.
//
// An answer to a session, or one that sets a cookie, is nobody else's: it gets
// private, no-store, whatever the method; where the handler named other rules,
// private is put before these, unless they are private, no-store or public.
func Validators(c *fiber.Ctx) error {
	if err := c.Next(); err != nil {
		return err
	}
	response := c.Response()
	if isReplayed(c) && !setsCookie(&response.Header) {
		return nil // a page has it all, and the cache has compared it
	}
	reads := c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
	if personal(c) || setsCookie(&response.Header) {
		keepPrivate(&response.Header)
	} else if reads && !saysFreshness(&response.Header) && isReusable(response.StatusCode()) {
		response.Header.Set(fiber.HeaderCacheControl, "no-cache")
	}
	if !reads || response.StatusCode() != fiber.StatusOK {
		return nil
	}
	ensureETag(response)
	if isHeld(c) {
		notModified(response)
		tellForwarded(&response.Header)
	}
	return nil
}

func keepPrivate(response *fasthttp.ResponseHeader) {
	said := strings.TrimSpace(string(response.Peek(fiber.HeaderCacheControl)))
	switch {
	case said == "":
		response.Set(fiber.HeaderCacheControl, "private, no-store")
	case !hasDirective(response, "private") && !hasDirective(response, "no-store") && !hasDirective(response, "public"):
		response.Set(fiber.HeaderCacheControl, "private, "+said)
	}
}

func saysFreshness(response *fasthttp.ResponseHeader) bool {
	return len(response.Peek(fiber.HeaderCacheControl)) > 0 || len(response.Peek(fiber.HeaderExpires)) > 0
}

func isReusable(status int) bool {
	return status >= fiber.StatusOK && status < fiber.StatusMultipleChoices || status == fiber.StatusNotModified
}

// hasDirective reports whether the Cache-Control has that directive in its form
// without arguments: private="X" is about the header X alone.
func hasDirective(response *fasthttp.ResponseHeader, name string) bool {
	for _, line := range response.PeekAll(fiber.HeaderCacheControl) {
		for rest := utils.UnsafeString(line); rest != ""; {
			var directive string
			directive, rest = cutUnquoted(rest, ',')
			if strings.EqualFold(trimSpace(directive), name) {
				return true
			}
		}
	}
	return false
}

// ensureETag gives a response without an ETag a strong one: the beginning of its
// body's SHA-256.
func ensureETag(response *fasthttp.Response) {
	header := &response.Header
	if len(header.Peek(fiber.HeaderETag)) > 0 || response.IsBodyStream() || hasDirective(header, "no-store") {
		return
	}
	body := response.Body()
	if len(body) == 0 { // a handler of HEAD alone may leave it out
		return
	}
	sum := sha256.Sum256(body)
	var tag [2 + 16]byte
	tag[0], tag[len(tag)-1] = '"', '"'
	hex.Encode(tag[1:], sum[:8])
	header.SetBytesV(fiber.HeaderETag, tag[:])
}

// isHeld reports whether the client shows that it holds the response already,
// in the order of RFC 9110, section 13.2.2.
func isHeld(c *fiber.Ctx) bool {
	request, response := &c.Request().Header, &c.Response().Header
	if lines := request.PeekAll(fiber.HeaderIfNoneMatch); len(lines) > 0 {
		current := utils.UnsafeString(response.Peek(fiber.HeaderETag))
		for _, line := range lines {
			if namesETag(utils.UnsafeString(line), current) {
				return true
			}
		}
		return false
	}
	lines := request.PeekAll(fiber.HeaderIfModifiedSince)
	modified := response.Peek(fiber.HeaderLastModified)
	if len(lines) != 1 || len(modified) == 0 {
		return false
	}
	held, ok := parseDate(lines[0])
	if !ok {
		return false
	}
	last, ok := parseDate(modified)
	return ok && !last.After(held)
}

// namesETag reports whether the If-None-Match names the ETag, by the weak
// comparison of RFC 9110, section 8.8.3.2. What follows a fault in it is not
// read: to send a body that was not needed is harmless.
func namesETag(ifNoneMatch, etag string) bool {
	rest := trimSpace(ifNoneMatch)
	if rest == "*" {
		return true
	}
	etag = strings.TrimPrefix(etag, "W/")
	for rest != "" {
		if rest = strings.TrimLeft(rest, " \t,"); rest == "" {
			return false
		}
		rest = strings.TrimPrefix(rest, "W/")
		if rest[:min(1, len(rest))] != `"` {
			return false
		}
		end := strings.IndexByte(rest[1:], '"') // a tag has no escapes
		if end < 0 {
			return false
		}
		tag := rest[:end+2]
		rest = strings.TrimLeft(rest[end+2:], " \t")
		if rest != "" && rest[0] != ',' {
			return false
		}
		if tag == etag {
			return true
		}
	}
	return false
}

// notModified turns the response into a 304, which has no body and tells nothing
// of it.
func notModified(response *fasthttp.Response) {
	response.ResetBody()
	response.Header.SetContentLength(0) // forgets that a stream was to be chunked
	response.SetStatusCode(fiber.StatusNotModified)
	for _, name := range []string{
		fiber.HeaderContentLength, fiber.HeaderContentType, fiber.HeaderContentEncoding, fiber.HeaderContentLanguage,
		fiber.HeaderContentDisposition,
	} {
		response.Header.Del(name)
	}
}
