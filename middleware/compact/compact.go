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
	"encoding/json"
	"fmt"
	"maps"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/negotiate"
)

// Type is the media type of JSON with shortened member names.
const Type = "application/vnd.prefab.compact+json"

// New returns a middleware that shortens member names by the map, for clients whose Accept
// weighs Type at least as much as application/json. Bodies of up to minBytes stay plain,
// and so does what is not a 200 with JSON. The ETag "7-abc" becomes "7-abc-compact".
//
// New panics if two names have one short name. A document that already uses a short name
// stays plain. Short names are put into JSON as they are.
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
		c.Vary(fiber.HeaderAccept)
		if response.IsBodyStream() || len(response.Body()) <= minBytes || len(response.Header.ContentEncoding()) > 0 ||
			!bytes.HasPrefix(response.Header.ContentType(), []byte(fiber.MIMEApplicationJSON)) || Variant(c) == "" {
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

const variant = "compact"

// Variant is the name of the form that the request gets: "compact", or "" for plain JSON.
// It is part of a cache's keys, so it does not allocate.
func Variant(c *fiber.Ctx) string {
	lines := c.Request().Header.PeekAll(fiber.HeaderAccept)
	weight := negotiate.Weight(lines, Type)
	if weight > 0 && weight >= negotiate.Weight(lines, fiber.MIMEApplicationJSON) {
		return variant
	}
	return ""
}

// shortener maps each name to its short one, and each short name to "": a document that
// uses one itself is not shortened.
type shortener map[string]string

func newShortener(names map[string]string) shortener {
	s := make(shortener, 2*len(names))
	for name, short := range names {
		if _, taken := s[short]; taken {
			panic(fmt.Sprintf("compact name %q of %q is also that of another name", short, name))
		}
		s[short] = ""
	}
	maps.Copy(s, names)
	return s
}

// document returns the JSON document with short names and otherwise the same bytes. It
// returns false if the text is not JSON, uses a short name itself, or has escapes in a name.
func (s shortener) document(text []byte) ([]byte, bool) {
	if !json.Valid(text) {
		return nil, false
	}
	out, copied := make([]byte, 0, len(text)), 0
	for i := 0; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		start, end := i, stringEnd(text, i)
		i = end - 1
		if !isMemberName(text[end:]) {
			continue
		}
		name := text[start+1 : end-1]
		short, known := s[string(name)]
		switch {
		case bytes.IndexByte(name, '\\') >= 0, known && short == "":
			return nil, false
		case !known:
			continue
		}
		out = append(append(append(out, text[copied:start+1]...), short...), '"')
		copied = end
	}
	return append(out, text[copied:]...), true
}

// stringEnd returns the end of the JSON string that begins at start.
func stringEnd(text []byte, start int) int {
	for i := start + 1; ; i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// isMemberName reports whether the string before rest is a member's name: only these have
// a colon behind them.
func isMemberName(rest []byte) bool {
	for _, b := range rest {
		switch b {
		case ' ', '\t', '\r', '\n':
		default:
			return b == ':'
		}
	}
	return false
}
