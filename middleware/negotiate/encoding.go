// Package negotiate holds what HTTP's content negotiation and conditional requests need,
// RFC 9110, sections 12 and 13. It promises that
//
//   - an encoding is chosen by the client's weights, and among equal ones by size;
//   - an ETag names exactly the bytes that are sent, so each encoding has its own;
//   - an answer for one user is private, no-store, unless the handler says otherwise;
//   - a client that already has an answer gets 304 without a body.
//
// For example:
//
//	app.Use(request.Trace(30*time.Second, nil), negotiate.ConditionalRequests)
//	app.Get("/report", func(c *fiber.Ctx) error {
//		c.Vary(fiber.HeaderAcceptEncoding)
//		if negotiate.Encoding(c) == "gzip" {
//			c.Set(fiber.HeaderContentEncoding, "gzip")
//			return c.Send(packedReport)
//		}
//		return c.Send(report)
//	})
package negotiate

import (
	"iter"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// Encodings are the content codings that Prefab produces, best first.
var Encodings = [...]string{"br", "zstd", "gzip"}

// Encoding returns the content coding for the request's Accept-Encoding: the one with
// the highest weight, and of equal ones the best; "" for none. It does not allocate, since
// it is part of every cache key.
func Encoding(c *fiber.Ctx) string {
	lines := c.Request().Header.PeekAll(fiber.HeaderAcceptEncoding)
	if len(lines) == 1 {
		switch string(lines[0]) { // what browsers send
		case "gzip, deflate, br, zstd", "gzip, deflate, br":
			return "br"
		}
	}
	best, chosen := 0.0, ""
	for _, encoding := range Encodings {
		if weight := Weight(lines, encoding); weight > best {
			best, chosen = weight, encoding
		}
	}
	return chosen
}

// Weight is the weight, from 0 to 1, that the lines of Accept or Accept-Encoding give to a
// name, or else to "*", or else 0. A malformed weight is 0.
func Weight(lines [][]byte, name string) float64 {
	others := 0.0
	for member := range Members(lines) {
		named, params := cutUnquoted(member, ';')
		switch named = trimSpace(named); {
		case strings.EqualFold(named, name):
			return weightIn(params)
		case named == "*":
			others = weightIn(params)
		}
	}
	return others
}

func weightIn(params string) float64 {
	for params != "" {
		var param string
		param, params = cutUnquoted(params, ';')
		if key, value, _ := strings.Cut(trimSpace(param), "="); strings.EqualFold(key, "q") {
			if weight, err := strconv.ParseFloat(value, 64); err == nil && weight >= 0 && weight <= 1 {
				return weight
			}
			return 0
		}
	}
	return 1
}

// Members returns the members of a list, such as the lines of Cache-Control, without the
// white space around them. A comma in a quoted string does not separate. The members are
// parts of the lines, not copies.
func Members(lines [][]byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for rest := utils.UnsafeString(line); rest != ""; {
				var member string
				if member, rest = cutUnquoted(rest, ','); !yield(trimSpace(member)) {
					return
				}
			}
		}
	}
}

// cutUnquoted cuts s around the first sep outside of quoted strings.
func cutUnquoted(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted:
			i++
		case s[i] == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// trimSpace removes the white space of RFC 9110, section 5.6.3.
func trimSpace(s string) string { return strings.Trim(s, " \t") }
