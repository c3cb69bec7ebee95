// Package compact shortens the member names of JSON for clients that ask for it by Accept.
// It promises that
//
//   - a client gets the original document by renaming the members back;
//   - values and the order of members never change;
//   - without the media type in Accept, the answer is plain JSON;
//   - each form has its own ETag, and Vary names Accept.
//
// For example:
//
//	names := map[string]string{"items": "I", "name": "n", "priceCents": "p"}
//	app.Get("/products", compact.New(5000, names), func(c *fiber.Ctx) error {
//		return c.JSON(page) // {"I":[{"n":"Kettle","p":4900}, …]} for Accept: application/vnd.prefab.compact+json
//	})
package compact

import (
	"bytes"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"example.com/prefab/middleware/negotiate"
)

// Type is the media type of JSON with shortened member names.
const Type = "application/vnd.prefab.compact+json"

// New returns a middleware that shortens member names by the map, for clients whose Accept
// weighs Type at least as much as plain JSON. Bodies of up to minBytes stay plain, and so
// does what is not a 200 with JSON. The ETag "7-abc" becomes "7-abc-compact".
//
// New panics on names that cannot be reversed: two names with one short name, or a short
// name that is itself to be shortened. A document that already uses a short name stays
// plain.
func New(minBytes int, names map[string]string) fiber.Handler {
	shorten := newShortener(names)
	return func(c *fiber.Ctx) error {
		if err := c.Next(); err != nil {
			return err
		}
		response := c.Response()
		if response.StatusCode() != fiber.StatusOK {
			return nil
		}
		negotiate.AddVary(&response.Header, fiber.HeaderAccept)
		if response.IsBodyStream() || len(response.Body()) <= minBytes || len(response.Header.ContentEncoding()) > 0 ||
			!isJSON(response.Header.ContentType()) || !isAccepted(c) {
			return nil
		}
		if body, done := shorten.document(response.Body()); done {
			response.SetBodyRaw(body)
			response.Header.SetContentType(Type)
			negotiate.TagVariant(&response.Header, variant)
		}
		return nil
	}
}

// Variant is the name of the form that the request gets: "compact", or "" for plain JSON.
// A cache puts it into its keys.
func Variant(c *fiber.Ctx) string {
	if isAccepted(c) {
		return variant
	}
	return ""
}

const variant = "compact"

func isJSON(contentType []byte) bool {
	name, _, _ := strings.Cut(utils.UnsafeString(contentType), ";")
	return strings.EqualFold(negotiate.TrimSpace(name), fiber.MIMEApplicationJSON)
}

// isAccepted reports whether the request's Accept names Type, with a weight that is not
// below plain JSON's. It does not allocate, since it is part of every cache key.
func isAccepted(c *fiber.Ctx) bool {
	lines := c.Request().Header.PeekAll(fiber.HeaderAccept)
	if !slices.ContainsFunc(lines, mentionsJSONSuffix) {
		return false
	}
	compact, plain, precision := 0.0, 0.0, 0
	for _, line := range lines {
		for rest := utils.UnsafeString(line); rest != ""; {
			var name string
			var weight float64
			var ok bool
			if name, weight, rest, ok = negotiate.NextPreference(rest); !ok {
				return false
			}
			if strings.EqualFold(name, Type) {
				compact = weight
			} else if p := plainPrecision(name); p > precision {
				plain, precision = weight, p // RFC 9110, section 12.5.1: the most precise range counts
			}
		}
	}
	return compact > 0 && compact >= plain
}

// mentionsJSONSuffix reports whether a list may name Type. Those of browsers do not.
func mentionsJSONSuffix(list []byte) bool {
	return bytes.Contains(list, []byte("+json")) || bytes.Contains(list, []byte("+JSON"))
}

// plainPrecision is how precisely a media range names plain JSON; 0 is not at all.
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
