package negotiate

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"
)

// ConditionalRequests answers conditional requests, and sets Cache-Control for clients.
// Mount it outside of the cache and of compression, so that an ETag is of the bytes that
// are sent. An answer to GET or HEAD gets
//
//   - an ETag from its body, if it has none; streams and no-store answers get none;
//   - status 304 without a body, if If-None-Match or If-Modified-Since shows that the
//     client has it already;
//   - Cache-Control: no-cache, if the handler did not set Cache-Control or Expires, so
//     that clients ask before each use.
//
// A private answer, or one that sets a cookie, gets private, no-store for any method. If
// the handler set other directives, private is put before them, unless they contain
// private, no-store or public.
func ConditionalRequests(c *fiber.Ctx) error {
	if err := c.Next(); err != nil {
		return err
	}
	response := c.Response()
	if IsComplete(c) && !SetsCookie(&response.Header) {
		return nil
	}
	reads := c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
	if IsPrivate(c) || SetsCookie(&response.Header) {
		setPrivate(&response.Header)
	} else if reads && !hasExplicitFreshness(&response.Header) && isStorable(response.StatusCode()) {
		response.Header.Set(fiber.HeaderCacheControl, "no-cache")
	}
	if !reads || response.StatusCode() != fiber.StatusOK {
		return nil
	}
	EnsureETag(response)
	if IsNotModified(c) {
		NotModified(response)
	}
	return nil
}

func setPrivate(response *fasthttp.ResponseHeader) {
	explicit := strings.TrimSpace(string(response.Peek(fiber.HeaderCacheControl)))
	switch {
	case explicit == "":
		response.Set(fiber.HeaderCacheControl, "private, no-store")
	case !HasDirective(response, "private") && !HasDirective(response, "no-store") && !HasDirective(response, "public"):
		response.Set(fiber.HeaderCacheControl, "private, "+explicit)
	}
}

func hasExplicitFreshness(response *fasthttp.ResponseHeader) bool {
	return len(response.Peek(fiber.HeaderCacheControl)) > 0 || len(response.Peek(fiber.HeaderExpires)) > 0
}

func isStorable(status int) bool {
	return status >= fiber.StatusOK && status < fiber.StatusMultipleChoices || status == fiber.StatusNotModified
}

// EnsureETag gives a response without an ETag a strong one: the beginning of its
// body's SHA-256.
func EnsureETag(response *fasthttp.Response) {
	header := &response.Header
	if len(header.Peek(fiber.HeaderETag)) > 0 || response.IsBodyStream() || HasDirective(header, "no-store") {
		return
	}
	body := response.Body()
	if len(body) == 0 { // a handler of HEAD may send none
		return
	}
	sum := sha256.Sum256(body)
	var tag [2 + 16]byte
	tag[0], tag[len(tag)-1] = '"', '"'
	hex.Encode(tag[1:], sum[:8])
	header.SetBytesV(fiber.HeaderETag, tag[:])
}

// IsNotModified reports whether the request's conditions show that the client already
// has the response, in the order of RFC 9110, section 13.2.2.
func IsNotModified(c *fiber.Ctx) bool {
	request, response := &c.Request().Header, &c.Response().Header
	if lines := request.PeekAll(fiber.HeaderIfNoneMatch); len(lines) > 0 {
		current := utils.UnsafeString(response.Peek(fiber.HeaderETag))
		for _, line := range lines {
			if matchesETag(utils.UnsafeString(line), current) {
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
	since, err := http.ParseTime(string(lines[0]))
	if err != nil {
		return false
	}
	last, err := http.ParseTime(string(modified))
	return err == nil && !last.After(since)
}

// matchesETag reports whether a line of If-None-Match names the ETag, by the weak
// comparison of RFC 9110, section 8.8.3.2.
func matchesETag(ifNoneMatch, etag string) bool {
	if TrimSpace(ifNoneMatch) == "*" {
		return true
	}
	etag = strings.TrimPrefix(etag, "W/")
	for rest := ifNoneMatch; rest != ""; {
		var member string
		member, rest = CutUnquoted(rest, ',')
		if member = strings.TrimPrefix(TrimSpace(member), "W/"); member != "" && member == etag {
			return true
		}
	}
	return false
}

// NotModified turns the response into a 304, which has no body and no fields about one.
func NotModified(response *fasthttp.Response) {
	response.ResetBody()
	response.Header.SetContentLength(0) // else a stream's 304 would be chunked
	response.SetStatusCode(fiber.StatusNotModified)
	for _, name := range []string{
		fiber.HeaderContentLength, fiber.HeaderContentType, fiber.HeaderContentEncoding, fiber.HeaderContentLanguage,
		fiber.HeaderContentDisposition,
	} {
		response.Header.Del(name)
	}
}
