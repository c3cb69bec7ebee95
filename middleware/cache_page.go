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

	"example.com/prefab/services"
)

// Page is an answer that Cache keeps. It is shared by whoever reads it, and never
// changed.
type Page struct {
	Meta     []byte        // what Fiber's middleware notes: status, type and encoding
	Body     []byte        // as sent, so compressed where it is
	Fields   []HeaderField // what the route said beside that, in its order
	Removed  []string      // fields of middleware further out that the route took away
	Stored   int64         // when the route began to make it, in nanoseconds since 1970
	Age      time.Duration // how old it was then
	Lifetime time.Duration // the age from which on it is stale
}

// HeaderField is one line of a header.
type HeaderField struct{ Name, Value string }

// age is how old the page is now. A clock of another node that is ahead does not
// make it younger than it was.
func (p *Page) age(now time.Time) time.Duration {
	return p.Age + max(0, time.Duration(now.UnixNano()-p.Stored))
}

const (
	headerCacheStatus = "Cache-Status"
	headerXCache      = "X-Cache" // Fiber's, not for clients: Cache-Status tells more
	cacheName         = "prefab"  // in Cache-Status, RFC 9211
)

// replay answers with the page.
func (p *Cache) replay(c *fiber.Ctx, s *slot, page *Page, from string, age time.Duration) error {
	s.meta, s.body = page.Meta, page.Body
	if err := p.fiber(c); err != nil {
		return err
	}
	header := &c.Response().Header
	hit := string(header.Peek(headerXCache)) == "hit"
	header.Del(headerXCache)
	if !hit { // it could not read its own note, and had the handler answer
		header.Add(headerCacheStatus, cacheName+"; fwd=miss")
		return nil
	}
	for _, name := range page.Removed {
		header.Del(name)
	}
	for i, field := range page.Fields {
		// Middleware further out has set its own again; a line of the page
		// replaces it, and further lines of that name follow.
		if i > 0 && page.Fields[i-1].Name == field.Name {
			header.Add(field.Name, field.Value)
		} else {
			header.SetCanonical(utils.UnsafeBytes(field.Name), utils.UnsafeBytes(field.Value))
		}
	}
	buf := strconv.AppendInt(s.scratch[:0], int64(age/time.Second), 10)
	header.SetBytesV(fiber.HeaderAge, buf)
	buf = append(buf[:0], cacheName+"; hit; ttl="...)
	buf = strconv.AppendInt(buf, int64((page.Lifetime-age)/time.Second), 10)
	buf = append(buf, "; detail="...)
	buf = append(buf, from...)
	header.SetBytesV(headerCacheStatus, buf)
	s.scratch = buf
	return nil
}

// setStatus tells that the handler answers, and why.
func setStatus(c *fiber.Ctx, why, detail string) {
	if services.TraceFrom(c.UserContext()).Stale() {
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
	after := fieldsOf(c)
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

func fieldsOf(c *fiber.Ctx) []HeaderField {
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
