package httpcache

import (
	"math"
	"strconv"
	"strings"
	"time"

	"example.com/prefab/middleware/negotiate"
)

// directives are those of Cache-Control that a shared cache obeys, RFC 9111, section 5.2.
// Of two that contradict each other, the stricter one counts.
type directives struct {
	noStore         bool          // or no-cache, private, or a syntax error: not to be stored
	maxAge, sMaxAge time.Duration // 0 if malformed
	minFresh        time.Duration // of requests
}

const notSet = time.Duration(math.MaxInt64)

func parseDirectives(lines [][]byte) directives {
	d := directives{maxAge: notSet, sMaxAge: notSet}
	for member := range negotiate.Members(lines) {
		name, value, _ := strings.Cut(member, "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache", "private": // also with an argument
			d.noStore = true
		case "max-age":
			d.maxAge = min(d.maxAge, seconds(value))
		case "s-maxage":
			d.sMaxAge = min(d.sMaxAge, seconds(value))
		case "min-fresh":
			d.minFresh = max(d.minFresh, seconds(value))
		default:
			unclosed := strings.HasPrefix(value, `"`) && (len(value) == 1 || !strings.HasSuffix(value, `"`))
			d.noStore = d.noStore || unclosed || strings.ContainsAny(name, " \t\"")
		}
	}
	return d
}

// lifetime is what counts for a shared cache, or notSet.
func (d directives) lifetime() time.Duration {
	if d.sMaxAge != notSet {
		return d.sMaxAge
	}
	return d.maxAge
}

// seconds parses delta-seconds, also as a quoted string. A malformed one is 0, and one that is
// too large the largest.
func seconds(text string) time.Duration {
	n, _ := strconv.ParseUint(strings.Trim(text, `"`), 10, 31)
	return time.Duration(n) * time.Second
}
