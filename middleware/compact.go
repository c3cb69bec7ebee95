package middleware

import (
	"bytes"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// CompactType is the media type of JSON with shortened member names.
const CompactType = "application/vnd.prefab.compact+json"

type compactRouteKey struct{}

// Compact shortens the member names of a route's JSON, by names, for clients
// whose Accept names CompactType, with a weight that is not below plain JSON's. It
// leaves bodies of up to minBytes plain, and what is not a 200 with JSON; a client
// goes by the Content-Type. The ETag "7-abc" becomes "7-abc-compact", a weak one alike.
//
// Names are shortened wherever they stand in a document, and never values. A
// client gets the original back by the reverse of names, so Compact panics where
// names has none: two names that become one, or a short name that is itself to
// be shortened. A document that uses a short name of its own accord stays plain.
func Compact(minBytes int, names map[string]string) fiber.Handler {
	shorten := newShortener(names)
	return func(c *fiber.Ctx) error {
		c.Locals(compactRouteKey{}, true)
		if err := c.Next(); err != nil {
			return err
		}
		response := c.Response()
		if response.StatusCode() != fiber.StatusOK {
			return nil
		}
		addVary(&response.Header, fiber.HeaderAccept)
		if response.IsBodyStream() || len(response.Body()) <= minBytes || len(response.Header.ContentEncoding()) > 0 ||
			!isJSON(response.Header.ContentType()) || !acceptsCompact(c) {
			return nil
		}
		if body, done := shorten.document(response.Body()); done {
			response.SetBodyRaw(body)
			response.Header.SetContentType(CompactType)
			tagVariant(&response.Header, "compact")
		}
		return nil
	}
}

// isCompactRoute reports whether Compact has seen the request, so that its answer
// depends on Accept in no other way than acceptsCompact tells.
func isCompactRoute(c *fiber.Ctx) bool { return c.Locals(compactRouteKey{}) != nil }

func isJSON(contentType []byte) bool {
	name, _, _ := strings.Cut(utils.UnsafeString(contentType), ";")
	return strings.EqualFold(trimSpace(name), fiber.MIMEApplicationJSON)
}

// acceptsCompact reports whether the request's Accept names CompactType and likes
// nothing of plain JSON's better. It does not allocate, and is quick with what
// browsers send, since it is in every cache key.
func acceptsCompact(c *fiber.Ctx) bool {
	lines := c.Request().Header.PeekAll(fiber.HeaderAccept)
	if !slices.ContainsFunc(lines, namesJSONKin) {
		return false
	}
	compact, plain, precision := 0, 0, 0
	for _, line := range lines {
		for rest := utils.UnsafeString(line); rest != ""; {
			var name string
			var weight int
			var ok bool
			if name, weight, rest, ok = nextPreference(rest); !ok {
				return false
			}
			if strings.EqualFold(name, CompactType) {
				compact = weight
			} else if p := plainPrecision(name); p > precision {
				plain, precision = weight, p // the most precise range counts, RFC 9110, section 12.5.1
			}
		}
	}
	return compact > 0 && compact >= plain
}

// namesJSONKin reports whether some type in the list may end in +json.
func namesJSONKin(list []byte) bool {
	const kin = "json"
	for _, rest, found := bytes.Cut(list, []byte("+")); found; _, rest, found = bytes.Cut(rest, []byte("+")) {
		if len(rest) >= len(kin) && strings.EqualFold(utils.UnsafeString(rest[:len(kin)]), kin) {
			return true
		}
	}
	return false
}

// plainPrecision tells how precisely a media range names plain JSON; 0: not at all.
func plainPrecision(mediaRange string) int {
	switch {
	case strings.EqualFold(mediaRange, fiber.MIMEApplicationJSON):
		return 3
	case strings.EqualFold(mediaRange, "application/*"):
		return 2
	case mediaRange == "*/*":
		return 1
	}
	return 0
}
