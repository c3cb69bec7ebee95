package middleware

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

const (
	maxKey   = 1024 // bytes
	maxParam = 128  // bytes of a route's parameter in a tag
)

// keys names the pages of a route and their tags.
type keys struct {
	route    CacheRoute
	variable bool // some tag has a parameter
}

func newKeys(route CacheRoute) *keys {
	return &keys{
		route: route,
		variable: route.Writes || slices.ContainsFunc(route.Tags, func(tag string) bool {
			return strings.Contains(tag, "{")
		}),
	}
}

// key returns the name of the page that answers the request, or why there is
// none: all that the answer may depend on. CanonicalPath has given the path its one
// spelling.
func (k *keys) key(c *fiber.Ctx, s *slot) (key, reason string) {
	buf := append(append(s.scratch[:0], c.Protocol()...), "://"...)
	buf = append(appendHost(buf, c), '\n') // which no header can hold, so that no host ends in a path
	buf = append(buf, c.Context().URI().PathOriginal()...)
	if k.route.AnyQuery {
		buf = append(append(buf, '?'), c.Context().URI().QueryString()...)
	} else {
		var ok bool
		if buf, ok = k.appendQuery(buf, c.Context().QueryArgs()); !ok {
			return "", "query"
		}
	}
	buf = append(append(buf, '\n'), negotiate(c)...)
	if acceptsCompact(c) {
		buf = append(buf, "\ncompact"...)
	}
	s.scratch = buf
	if len(buf) > maxKey {
		return "", "key-length"
	}
	return string(buf), ""
}

// appendQuery writes the declared parameters, in the order of their declaration.
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

// tags returns the page's tags, or why there are none.
func (k *keys) tags(c *fiber.Ctx) (tags []string, reason string) {
	if !k.variable {
		return k.route.Tags, ""
	}
	tags = make([]string, 0, len(k.route.Tags)+1)
	for _, tag := range k.route.Tags {
		filled, ok := fillTag(tag, c)
		if !ok {
			return nil, "tag"
		}
		tags = append(tags, filled)
	}
	if k.route.Writes {
		tags = append(tags, pathTag(c, c.Context().URI().PathOriginal()))
	}
	return tags, ""
}

// fillTag puts the route's parameters into a tag, as the handlers get them. Without
// the parameter the page could never be dropped, so there is no tag.
func fillTag(tag string, c *fiber.Ctx) (string, bool) {
	var filled []byte
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

// pathTag names all pages of a path, whatever their query.
func pathTag(c *fiber.Ctx, path []byte) string {
	return string(append(appendHost([]byte("path:"), c), path...))
}

// pathTags names the pages that a successful write makes void, RFC 9111, section 4.4:
// those of its own path, and of what it says that it has changed on this host.
func pathTags(c *fiber.Ctx) []string {
	own := c.Context().URI().PathOriginal()
	tags := []string{pathTag(c, own)}
	base, err := url.Parse("http://" + string(append(appendHost(nil, c), own...)))
	if err != nil {
		return tags
	}
	for _, name := range []string{fiber.HeaderLocation, fiber.HeaderContentLocation} {
		named := c.Response().Header.Peek(name)
		if len(named) == 0 {
			continue
		}
		target, err := base.Parse(string(named))
		if err != nil || !strings.EqualFold(target.Host, base.Host) {
			continue
		}
		if path, err := canonicalPath(target.EscapedPath()); err == nil {
			tags = append(tags, pathTag(c, []byte(path)))
		}
	}
	return tags
}

// appendHost writes the host that the client sees, in lower case. It is
// c.Hostname, which looks up the peer even where no proxy says anything.
func appendHost(buf []byte, c *fiber.Ctx) []byte {
	from := len(buf)
	if !has(&c.Request().Header, fiber.HeaderXForwardedHost) {
		buf = append(buf, c.Context().URI().Host()...)
	} else {
		buf = append(buf, c.Hostname()...)
	}
	for i, char := range buf[from:] {
		if 'A' <= char && char <= 'Z' {
			buf[from+i] = char + 'a' - 'A'
		}
	}
	return buf
}
