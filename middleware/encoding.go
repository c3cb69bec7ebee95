package middleware

import (
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"
)

// encodings are the content codings that we produce, best first.
var encodings = [...]string{"br", "zstd", "gzip"}

const fullWeight = 1000 // q=1

// negotiate returns the content coding that the request's Accept-Encoding gets:
// the one of the highest weight, of equal ones the best; "" for none, also where
// the header is malformed. It does not allocate, since it is in every cache key.
func negotiate(c *fiber.Ctx) string {
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
			if name, weight, rest, ok = nextPreference(rest); !ok {
				return ""
			}
			switch {
			case name == "*":
				others = weight
			case strings.EqualFold(name, "identity"):
				identity = weight
			case strings.EqualFold(name, "x-gzip"):
				name = "gzip" // an alias that must be taken, section 8.4.1.3
				fallthrough
			default:
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

// nextPreference cuts the first member off a list like that of Accept or
// Accept-Encoding: what it names, without parameters, and its weight in
// thousandths. A list may have empty members, whose name is "".
func nextPreference(list string) (name string, weight int, rest string, ok bool) {
	member, rest := cutUnquoted(list, ',')
	name, params := cutUnquoted(member, ';')
	weight, ok = fullWeight, true
	for params != "" && ok {
		var param string
		param, params = cutUnquoted(params, ';')
		key, value, _ := strings.Cut(trimSpace(param), "=")
		if key == "q" || key == "Q" {
			weight, ok = parseWeight(value)
		}
	}
	return trimSpace(name), weight, rest, ok
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

// cutUnquoted cuts s around the first sep that no quoted string holds.
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

func trimSpace(s string) string { return strings.Trim(s, " \t") }

// addVary makes the response say that it depends on that header of the request.
func addVary(response *fasthttp.ResponseHeader, name string) {
	lines := response.PeekAll(fiber.HeaderVary)
	for _, line := range lines {
		for member := range strings.SplitSeq(utils.UnsafeString(line), ",") {
			if member = trimSpace(member); member == "*" || strings.EqualFold(member, name) {
				return
			}
		}
	}
	if len(lines) > 0 && len(lines[0]) > 0 {
		name = string(lines[0]) + ", " + name
	}
	response.Set(fiber.HeaderVary, name)
}

// tagVariant tells the ETag of a variant from that of its original: "7-abc"
// becomes "7-abc-br".
func tagVariant(response *fasthttp.ResponseHeader, variant string) {
	if tag, quoted := strings.CutSuffix(string(response.Peek(fiber.HeaderETag)), `"`); quoted {
		response.Set(fiber.HeaderETag, tag+"-"+variant+`"`)
	}
}
