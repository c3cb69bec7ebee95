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
//		negotiate.AddVary(&c.Response().Header, fiber.HeaderAcceptEncoding)
//		if negotiate.Encoding(c) == "gzip" {
//			c.Set(fiber.HeaderContentEncoding, "gzip")
//			return c.Send(packedReport)
//		}
//		return c.Send(report)
//	})
package negotiate

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// Encodings are the content codings that Prefab produces, best first.
var Encodings = [...]string{"br", "zstd", "gzip"}

// Encoding returns the content coding for the request's Accept-Encoding: the one with
// the highest weight, and of equal ones the best; "" for none, also if the header is
// malformed. It does not allocate, since it is part of every cache key.
func Encoding(c *fiber.Ctx) string {
	lines := c.Request().Header.PeekAll(fiber.HeaderAcceptEncoding)
	if len(lines) == 1 {
		switch string(lines[0]) { // what browsers send
		case "gzip, deflate, br, zstd", "gzip, deflate, br":
			return "br"
		case "gzip, deflate", "gzip":
			return "gzip"
		}
	}
	best, chosen := 0.0, ""
	for _, encoding := range Encodings {
		weight, ok := weightOf(encoding, lines)
		if !ok {
			return ""
		}
		if weight > best {
			best, chosen = weight, encoding
		}
	}
	if identity, _ := weightOf("identity", lines); identity > best {
		return ""
	}
	return chosen
}

// weightOf is the weight of a name in the lists, or else that of "*", or else 0.
func weightOf(name string, lines [][]byte) (weight float64, ok bool) {
	named, others := -1.0, 0.0
	for _, line := range lines {
		for rest := utils.UnsafeString(line); rest != ""; {
			var member string
			if member, weight, rest, ok = NextPreference(rest); !ok {
				return 0, false
			}
			if member == "*" {
				others = weight
			} else if strings.EqualFold(member, name) {
				named = weight
			}
		}
	}
	if named >= 0 {
		return named, true
	}
	return others, true
}

// NextPreference cuts the first member off a list like that of Accept or Accept-Encoding.
// It returns the member's name without parameters, and its weight from 0 to 1. An empty
// member has the name "".
func NextPreference(list string) (name string, weight float64, rest string, ok bool) {
	member, rest := CutUnquoted(list, ',')
	name, params := CutUnquoted(member, ';')
	weight, ok = 1, true
	for params != "" && ok {
		var param string
		param, params = CutUnquoted(params, ';')
		if key, value, _ := strings.Cut(TrimSpace(param), "="); key == "q" || key == "Q" {
			var err error
			weight, err = strconv.ParseFloat(value, 64)
			ok = err == nil && weight >= 0 && weight <= 1
		}
	}
	return TrimSpace(name), weight, rest, ok
}

// CutUnquoted cuts s around the first sep outside of quoted strings.
func CutUnquoted(s string, sep byte) (before, after string) {
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

// TrimSpace removes the white space of RFC 9110, section 5.6.3.
func TrimSpace(s string) string { return strings.Trim(s, " \t") }
