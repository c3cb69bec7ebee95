package httpcache

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/negotiate"
)

const (
	maxKey   = 1024 // bytes
	maxParam = 128  // bytes of a route's parameter in a tag
)

// keys makes the keys and tags of a route's pages.
type keys struct {
	route   RouteConfig
	dynamic bool // some tag has a parameter
}

func newKeys(route RouteConfig) *keys {
	return &keys{route: route, dynamic: slices.ContainsFunc(route.Tags, func(tag string) bool {
		return strings.Contains(tag, "{")
	})}
}

// key returns the page's key, which holds all that the answer may depend on, or the reason
// why there is none. The path has one spelling, by request.CanonicalPath. forwarded
// says that a proxy may pass on another host and protocol.
func (k *keys) key(c *fiber.Ctx, forwarded bool) (key, reason string) {
	var space [maxKey / 4]byte // on the stack
	buf := append(space[:0], "http://"...)
	if forwarded || c.Context().IsTLS() {
		buf = append(append(space[:0], c.Protocol()...), "://"...)
	}
	buf = append(appendHost(buf, c, forwarded), '\n') // no host can contain it, so host and path stay apart
	buf = append(buf, c.Context().URI().PathOriginal()...)
	buf, ok := k.appendQuery(buf, c.Context().QueryArgs())
	if !ok {
		return "", "query"
	}
	buf = append(append(buf, '\n'), negotiate.Encoding(c)...)
	if k.route.Variant != nil {
		buf = append(append(buf, '\n'), k.route.Variant(c)...)
	}
	if len(buf) > maxKey {
		return "", "key-length"
	}
	return string(buf), ""
}

// appendQuery appends the declared parameters, in the order of their declaration.
func (k *keys) appendQuery(buf []byte, query *fasthttp.Args) ([]byte, bool) {
	known := 0
	for _, name := range k.route.Query {
		if query.Has(name) {
			known++
			buf = append(fasthttp.AppendQuotedArg(append(buf, '?'), []byte(name)), '=')
			buf = fasthttp.AppendQuotedArg(buf, query.Peek(name))
		}
	}
	return buf, known == query.Len()
}

// tags returns the page's tags, unless a parameter is missing or too long.
func (k *keys) tags(c *fiber.Ctx) (tags []string, ok bool) {
	if !k.dynamic {
		return k.route.Tags, true
	}
	tags = make([]string, len(k.route.Tags))
	for i, tag := range k.route.Tags {
		if tags[i], ok = fillTag(tag, c); !ok {
			return nil, false
		}
	}
	return tags, true
}

// fillTag puts the route's parameters into a tag, as the handlers get them. Without the
// parameter nothing could invalidate the page.
func fillTag(tag string, c *fiber.Ctx) (string, bool) {
	var space [maxParam]byte // on the stack
	filled := space[:0]
	for {
		text, rest, found := strings.Cut(tag, "{")
		filled = append(filled, text...)
		if !found {
			return string(filled), true
		}
		name, after, _ := strings.Cut(rest, "}")
		value := c.Params(name)
		if value == "" || len(value) > maxParam {
			return "", false
		}
		filled, tag = append(filled, value...), after
	}
}

// appendHost appends the host that the client has asked for, in lower case.
func appendHost(buf []byte, c *fiber.Ctx, forwarded bool) []byte {
	from := len(buf)
	if forwarded {
		buf = append(buf, c.Hostname()...)
	} else {
		buf = append(buf, c.Context().URI().Host()...)
	}
	for i, char := range buf[from:] {
		if 'A' <= char && char <= 'Z' {
			buf[from+i] = char + 'a' - 'A'
		}
	}
	return buf
}
