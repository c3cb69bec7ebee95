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
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// encodings are the content codings that Prefab produces, best first.
var encodings = [...]string{"br", "zstd", "gzip"}

const fullWeight = 1000 // q=1

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
	return weighEncodings(lines)
}

// weighEncodings applies RFC 9110, section 12.5.3.
func weighEncodings(lines [][]byte) string {
	const unnamed = -1
	weights := [len(encodings)]int{unnamed, unnamed, unnamed}
	identity, others := unnamed, unnamed
	for _, line := range lines {
		for rest := utils.UnsafeString(line); rest != ""; {
			var name string
			var weight int
			var ok bool
			if name, weight, rest, ok = NextPreference(rest); !ok {
				return ""
			}
			switch {
			case name == "*":
				others = weight
			case strings.EqualFold(name, "identity"):
				identity = weight
			default:
				if strings.EqualFold(name, "x-gzip") {
					name = "gzip" // an alias, section 8.4.1.3
				}
				for i, encoding := range encodings {
					if strings.EqualFold(name, encoding) {
						weights[i] = weight
					}
				}
			}
		}
	}
	best, chosen := 0, ""
	for i, encoding := range encodings {
		if weights[i] == unnamed {
			weights[i] = others
		}
		if weights[i] > best {
			best, chosen = weights[i], encoding
		}
	}
	if identity > best {
		return ""
	}
	return chosen
}

// NextPreference cuts the first member off a list like that of Accept or
// Accept-Encoding. It returns the member's name without parameters, and its weight in
// thousandths. An empty member has the name "".
func NextPreference(list string) (name string, weight int, rest string, ok bool) {
	member, rest := CutUnquoted(list, ',')
	name, params := CutUnquoted(member, ';')
	weight, ok = fullWeight, true
	for params != "" && ok {
		var param string
		param, params = CutUnquoted(params, ';')
		key, value, _ := strings.Cut(TrimSpace(param), "=")
		if key == "q" || key == "Q" {
			weight, ok = parseWeight(value)
		}
	}
	return TrimSpace(name), weight, rest, ok
}

// parseWeight reads a weight of RFC 9110, section 12.4.2, "0.5", in thousandths.
func parseWeight(text string) (int, bool) {
	if text == "" || len(text) > len("0.000") || len(text) > 1 && text[1] != '.' {
		return 0, false
	}
	weight, unit := 0, fullWeight
	for i := range len(text) {
		if i == 1 {
			continue
		}
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		weight += int(text[i]-'0') * unit
		unit /= 10
	}
	return weight, weight <= fullWeight
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
