package middleware

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
)

// cacheControl is what the directives of one or more Cache-Control lines say, RFC
// 9111, section 5.2. Where they contradict each other, the most careful reading
// is taken: the shortest time, and a directive that is malformed means 0.
type cacheControl struct {
	noStore, noCache, private, onlyIfCached bool
	maxAge, sMaxAge, minFresh               time.Duration // unsaid where not given
	malformed                               bool
}

const unsaid = time.Duration(-1)

func parseCacheControl(lines ...[]byte) cacheControl {
	d := cacheControl{maxAge: unsaid, sMaxAge: unsaid, minFresh: unsaid}
	rest := string(bytes.Join(lines, []byte(",")))
	for rest != "" {
		var name, value string
		var ok bool
		if name, value, rest, ok = nextDirective(rest); !ok {
			d.malformed = true
		}
		d.take(strings.ToLower(name), value)
	}
	return d
}

func (d *cacheControl) take(name, value string) {
	switch name {
	case "no-store":
		d.noStore = true
	case "no-cache": // also where it names fields: all of the answer is left out
		d.noCache = true
	case "private":
		d.private = true
	case "only-if-cached":
		d.onlyIfCached = true
	case "max-age":
		d.maxAge = shorter(d.maxAge, seconds(value, 0))
	case "s-maxage":
		d.sMaxAge = shorter(d.sMaxAge, seconds(value, 0))
	case "min-fresh":
		d.minFresh = max(d.minFresh, seconds(value, math.MaxInt64))
	}
}

// lifetime is what a shared cache goes by, or unsaid.
func (d *cacheControl) lifetime() time.Duration {
	if d.sMaxAge != unsaid {
		return d.sMaxAge
	}
	return d.maxAge
}

// nextDirective cuts the first directive, "name", "name=token" or
// "name="quoted"", off a list.
func nextDirective(list string) (name, value, rest string, ok bool) {
	list = strings.TrimLeft(list, " \t,")
	end := strings.IndexAny(list, "=,")
	if end < 0 {
		end = len(list)
	}
	name, list = list[:end], list[end:]
	trimmed := strings.TrimRight(name, " \t")
	if !strings.HasPrefix(list, "=") {
		return trimmed, "", list, isToken(trimmed) || trimmed == ""
	}
	ok = isToken(name)
	list = list[1:]
	if !strings.HasPrefix(list, `"`) {
		value, rest, _ = strings.Cut(list, ",")
		value = strings.TrimRight(value, " \t")
		return trimmed, value, rest, ok && value != "" && value[0] != ' ' && value[0] != '\t'
	}
	value, list, closed := cutQuoted(list[1:])
	after, rest, _ := strings.Cut(list, ",")
	return trimmed, value, rest, ok && closed && strings.Trim(after, " \t") == ""
}

// cutQuoted reads up to the closing quote.
func cutQuoted(s string) (value, rest string, closed bool) {
	var unquoted []byte
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return string(unquoted), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		unquoted = append(unquoted, s[i])
	}
	return string(unquoted), "", false
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// maxSeconds keeps sums of times within their type. RFC 9111, section 1.2.2, lets
// a cache take anything from 2^31 on as that.
const maxSeconds = 1 << 31

// seconds reads delta-seconds.
func seconds(s string, malformed time.Duration) time.Duration {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return malformed
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxSeconds {
		n = maxSeconds // it has digits only, so it is too large
	}
	return time.Duration(n) * time.Second
}

// shorter takes unsaid for no limit.
func shorter(a, b time.Duration) time.Duration {
	if a == unsaid {
		return b
	}
	if b == unsaid {
		return a
	}
	return min(a, b)
}
