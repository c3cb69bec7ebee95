package negotiate

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/tracing"
)

// ConditionalRequests answers conditional requests, and sets Cache-Control for clients.
// Mount it outside of the cache and of compression, so that an ETag is of the bytes that
// are sent. An answer to GET or HEAD gets
//
//   - an ETag from its body, if it has none; streams and no-store answers get none;
//   - status 304 without a body, if If-None-Match shows that the client has it already;
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
	header, status := &c.Response().Header, c.Response().StatusCode()
	reads := c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
	control := header.Peek(fiber.HeaderCacheControl)
	switch {
	case IsPrivate(c) || SetsCookie(header):
		setPrivate(header, string(control))
	case reads && status < fiber.StatusMultipleChoices && len(control) == 0 && len(header.Peek(fiber.HeaderExpires)) == 0:
		header.Set(fiber.HeaderCacheControl, "no-cache")
	}
	if reads && status == fiber.StatusOK {
		EnsureETag(c.Response())
		if isNotModified(c) {
			setNotModified(c.Response())
		}
	}
	return nil
}

func setPrivate(header *fasthttp.ResponseHeader, control string) {
	switch {
	case control == "":
		header.Set(fiber.HeaderCacheControl, "private, no-store")
	case !HasDirective(header, "private") && !HasDirective(header, "no-store") && !HasDirective(header, "public"):
		header.Set(fiber.HeaderCacheControl, "private, "+control)
	}
}

// EnsureETag gives a response without an ETag a strong one: the beginning of its
// body's SHA-256.
func EnsureETag(response *fasthttp.Response) {
	header := &response.Header
	// A handler of HEAD may send no body.
	if len(header.Peek(fiber.HeaderETag)) > 0 || response.IsBodyStream() || len(response.Body()) == 0 ||
		HasDirective(header, "no-store") {
		return
	}
	sum := sha256.Sum256(response.Body())
	tag := hex.AppendEncode([]byte{'"'}, sum[:8])
	header.SetBytesV(fiber.HeaderETag, append(tag, '"'))
}

// TagVariant gives a variant another ETag than the original has: "7-abc" becomes
// "7-abc-br".
func TagVariant(response *fasthttp.ResponseHeader, variant string) {
	if tag, quoted := strings.CutSuffix(string(response.Peek(fiber.HeaderETag)), `"`); quoted {
		response.Set(fiber.HeaderETag, tag+"-"+variant+`"`)
	}
}

// isNotModified reports whether If-None-Match names the response's ETag, by the weak
// comparison of RFC 9110, section 8.8.3.2.
func isNotModified(c *fiber.Ctx) bool {
	lines := c.Request().Header.PeekAll(fiber.HeaderIfNoneMatch)
	if len(lines) > 0 && string(lines[0]) == "*" {
		return true
	}
	etag := strings.TrimPrefix(utils.UnsafeString(c.Response().Header.Peek(fiber.HeaderETag)), "W/")
	for member := range Members(lines) {
		if etag != "" && strings.TrimPrefix(member, "W/") == etag {
			return true
		}
	}
	return false
}

// setNotModified turns the response into a 304, which has no body and no fields about one.
func setNotModified(response *fasthttp.Response) {
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

// IsPrivate reports whether the answer is for this caller alone: the request has
// credentials, or a middleware or handler has marked its Trace as private. Without a Trace
// none can, so every answer is private.
func IsPrivate(c *fiber.Ctx) bool {
	return tracing.From(c.UserContext()).Private() ||
		slices.ContainsFunc(c.Request().Header.PeekAll(fiber.HeaderAuthorization), func(line []byte) bool {
			return len(line) > 0 // an empty line must not hide the next one
		})
}

// SetsCookie reports whether the response has a Set-Cookie.
func SetsCookie(response *fasthttp.ResponseHeader) bool {
	for range response.Cookies() {
		return true
	}
	return false
}

// HasDirective reports whether the response's Cache-Control has the directive without an
// argument: private="X" is about the header X alone.
func HasDirective(response *fasthttp.ResponseHeader, name string) bool {
	for directive := range Members(response.PeekAll(fiber.HeaderCacheControl)) {
		if strings.EqualFold(directive, name) {
			return true
		}
	}
	return false
}
