package negotiate

import (
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/tracing"
)

// IsPrivate reports whether the answer is for this caller alone: the request has
// credentials, or somebody has marked its Trace as private. Without a Trace nobody can
// do that, so every answer is private.
func IsPrivate(c *fiber.Ctx) bool {
	if tracing.From(c.UserContext()).Private() {
		return true
	}
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderAuthorization) {
		if len(line) > 0 { // an empty line must not hide the next one
			return true
		}
	}
	return false
}

// IsCompressible reports whether bodies of the type are text, or like it. Event streams
// are not: each would hold a compressor's memory for as long as the client listens.
func IsCompressible(contentType []byte) bool {
	name, _, _ := strings.Cut(utils.UnsafeString(contentType), ";")
	switch name = strings.ToLower(TrimSpace(name)); name {
	case "text/event-stream":
		return false
	case "application/json", "application/x-ndjson", "application/xml", "application/javascript",
		"application/wasm", "image/svg+xml":
		return true
	}
	return strings.HasPrefix(name, "text/") ||
		strings.HasPrefix(name, "application/") && (strings.HasSuffix(name, "+json") || strings.HasSuffix(name, "+xml"))
}

type completeKey struct{}

// MarkComplete says that the answer is stored as it is: it is compressed, has its ETag,
// and the request's conditions have been applied.
func MarkComplete(c *fiber.Ctx) { c.Locals(completeKey{}, true) }

// IsComplete reports whether the answer has been marked as complete.
func IsComplete(c *fiber.Ctx) bool { return c.Locals(completeKey{}) != nil }

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
	for _, line := range response.PeekAll(fiber.HeaderCacheControl) {
		for rest := utils.UnsafeString(line); rest != ""; {
			var directive string
			directive, rest = CutUnquoted(rest, ',')
			if strings.EqualFold(TrimSpace(directive), name) {
				return true
			}
		}
	}
	return false
}

// AddVary adds a request header to the response's Vary, unless it is there.
func AddVary(response *fasthttp.ResponseHeader, name string) {
	lines := response.PeekAll(fiber.HeaderVary)
	for _, line := range lines {
		for member := range strings.SplitSeq(utils.UnsafeString(line), ",") {
			if member = TrimSpace(member); member == "*" || strings.EqualFold(member, name) {
				return
			}
		}
	}
	if len(lines) > 0 && len(lines[0]) > 0 {
		name = string(lines[0]) + ", " + name
	}
	response.Set(fiber.HeaderVary, name)
}

// TagVariant gives a variant another ETag than the original has: "7-abc" becomes
// "7-abc-br".
func TagVariant(response *fasthttp.ResponseHeader, variant string) {
	if tag, quoted := strings.CutSuffix(string(response.Peek(fiber.HeaderETag)), `"`); quoted {
		response.Set(fiber.HeaderETag, tag+"-"+variant+`"`)
	}
}
