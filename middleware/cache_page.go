package middleware

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/tracing"
)

// Page is an answer that Cache keeps. It is shared by whoever reads it, and never
// changed.
type Page struct {
	Status         int
	Type, Encoding string        // of the body
	Body           []byte        // as sent, so compressed where it is
	Fields         []HeaderField // what the route said beside that, in its order
	Removed        []string      // fields of middleware further out that the route took away
	Stored         int64         // when the route began to make it, in nanoseconds since 1970
	Lifetime       time.Duration // the age from which on it is stale
}

// HeaderField is one line of a header.
type HeaderField struct{ Name, Value string }

// age is how old the page is now. A clock of another node that is ahead does not
// make it younger than it was.
func (p *Page) age(now time.Time) time.Duration {
	return max(0, time.Duration(now.UnixNano()-p.Stored))
}

const (
	headerCacheStatus = "Cache-Status"
	headerXCache      = "X-Cache" // of other caches, not for clients: Cache-Status tells more
	cacheName         = "prefab"  // in Cache-Status, RFC 9211
)

// replay answers with the page.
func (p *Page) replay(c *fiber.Ctx, from string, age time.Duration) {
	response := c.Response()
	header := &response.Header
	response.SetStatusCode(p.Status)
	response.SetBodyRaw(p.Body)
	header.SetContentType(p.Type)
	header.SetContentEncoding(p.Encoding)
	for _, name := range p.Removed {
		header.Del(name)
	}
	for i, field := range p.Fields {
		// Middleware further out has set its own again; a line of the page
		// replaces it, and further lines of that name follow.
		if i > 0 && p.Fields[i-1].Name == field.Name {
			header.Add(field.Name, field.Value)
		} else {
			setHeader(header, field.Name, utils.UnsafeBytes(field.Value))
		}
	}
	var space [64]byte // on the stack
	setHeader(header, fiber.HeaderAge, strconv.AppendInt(space[:0], int64(age/time.Second), 10))
	buf := append(space[:0], cacheName+"; hit; ttl="...)
	buf = strconv.AppendInt(buf, int64((p.Lifetime-age)/time.Second), 10)
	buf = append(append(buf, "; detail="...), from...)
	setHeader(header, headerCacheStatus, buf)
}

// setHeader sets a field whose name is written as it is sent, which Set would check.
func setHeader(header *fasthttp.ResponseHeader, name string, value []byte) {
	header.SetCanonical(utils.UnsafeBytes(name), value)
}

// setStatus tells that the handler answers, and why.
func setStatus(c *fiber.Ctx, why, detail string) {
	if tracing.From(c.UserContext()).Stale() {
		detail = "stale"
	}
	status := cacheName + "; fwd=" + why
	if detail != "" {
		status += "; detail=" + detail
	}
	c.Response().Header.Add(headerCacheStatus, status)
}

// tellForwarded says in the cache's status that the handler answered 200 where the
// client gets 304: without it the handler's status is that of the answer, RFC 9211,
// section 2.3.
func tellForwarded(header *fasthttp.ResponseHeader) {
	lines := header.PeekAll(headerCacheStatus)
	if len(lines) == 1 && bytes.Contains(lines[0], []byte("; fwd=")) {
		header.Set(headerCacheStatus, string(lines[0])+"; fwd-status=200")
	}
}

// connectionFields are about one connection or one moment, or are kept otherwise.
var connectionFields = []string{
	fiber.HeaderConnection, fiber.HeaderKeepAlive, "Proxy-Connection", fiber.HeaderProxyAuthenticate,
	"Proxy-Authentication-Info", fiber.HeaderProxyAuthorization, "Te", fiber.HeaderTrailer,
	fiber.HeaderTransferEncoding, fiber.HeaderUpgrade,
	fiber.HeaderXRequestID, fiber.HeaderDate, fiber.HeaderAge, headerXCache, headerCacheStatus,
	fiber.HeaderContentType, fiber.HeaderContentEncoding, fiber.HeaderContentLength,
}

// ownFields returns the fields that the route has set or changed; what stood
// there before stands there again when the page is given, but for what the route
// has removed. Lines of one name are put together, in their order.
func ownFields(c *fiber.Ctx, before []HeaderField) (own []HeaderField, removed []string) {
	dropped := slices.Clone(connectionFields)
	for _, line := range c.Response().Header.PeekAll(fiber.HeaderConnection) {
		for name := range bytes.SplitSeq(line, []byte(",")) {
			dropped = append(dropped, string(bytes.TrimSpace(name)))
		}
	}
	after := responseFields(c)
	for _, field := range before {
		if len(linesOf(after, field.Name)) == 0 && !slices.Contains(removed, field.Name) {
			removed = append(removed, field.Name)
		}
	}
	for i, field := range after {
		same := func(f HeaderField) bool { return f.Name == field.Name }
		if slices.ContainsFunc(after[:i], same) || containsFold(dropped, field.Name) {
			continue
		}
		lines := linesOf(after, field.Name)
		if !slices.Equal(lines, linesOf(before, field.Name)) {
			own = append(own, lines...)
		}
	}
	return own, removed
}

func responseFields(c *fiber.Ctx) []HeaderField {
	var fields []HeaderField
	for name, value := range c.Response().Header.All() {
		fields = append(fields, HeaderField{Name: string(name), Value: string(value)})
	}
	return fields
}

func linesOf(fields []HeaderField, name string) []HeaderField {
	var lines []HeaderField
	for _, field := range fields {
		if field.Name == name {
			lines = append(lines, field)
		}
	}
	return lines
}

func containsFold(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
