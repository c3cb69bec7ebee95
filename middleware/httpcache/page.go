package httpcache

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/tracing"
)

// Page is a stored answer. Requests share it, so it is never changed.
type Page struct {
	Status         int
	Type, Encoding string        // of the body
	Body           []byte        // as it is sent
	Fields         []HeaderField // other fields of the route; lines of one name are adjacent
	Stored         int64         // when the route began to make it, in nanoseconds since 1970
	Lifetime       time.Duration // from then on
}

// HeaderField is one line of a header.
type HeaderField struct{ Name, Value string }

// age is how old the page is; 0 if the clock of the node that made it is ahead.
func (p *Page) age(now time.Time) time.Duration {
	return max(0, time.Duration(now.UnixNano()-p.Stored))
}

const (
	headerCacheStatus = "Cache-Status"
	headerXCache      = "X-Cache" // of Fiber's cache; Cache-Status says more
	cacheName         = "prefab"  // in Cache-Status, RFC 9211
)

// send answers with the page.
func (p *Page) send(c *fiber.Ctx, from string, age time.Duration) {
	response := c.Response()
	header := &response.Header
	response.SetStatusCode(p.Status)
	response.SetBodyRaw(p.Body)
	header.SetContentType(p.Type)
	header.SetContentEncoding(p.Encoding)
	for i, field := range p.Fields {
		// The first line of a name replaces those of middleware outside of the cache.
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

// setHeader sets a field whose name has its canonical form already.
func setHeader(header *fasthttp.ResponseHeader, name string, value []byte) {
	header.SetCanonical(utils.UnsafeBytes(name), value)
}

// setStatus says in Cache-Status that the handler has answered, and why.
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

// notStored are the fields of one connection or one request, and those that a Page has
// elsewhere.
var notStored = []string{
	fiber.HeaderConnection, fiber.HeaderKeepAlive, "Proxy-Connection", fiber.HeaderProxyAuthenticate,
	"Proxy-Authentication-Info", fiber.HeaderProxyAuthorization, "Te", fiber.HeaderTrailer,
	fiber.HeaderTransferEncoding, fiber.HeaderUpgrade, "X-Request-Id", headerXCache, headerCacheStatus,
	fiber.HeaderContentType, fiber.HeaderContentEncoding, fiber.HeaderContentLength,
}

// routeFields returns the fields that the route has set or changed. The others are set
// again when the page is sent, by the middleware outside of the cache.
func routeFields(before, after []HeaderField) []HeaderField {
	var own []HeaderField
	for _, field := range after {
		changed := slices.ContainsFunc(after, func(f HeaderField) bool {
			return f.Name == field.Name && !slices.Contains(before, f)
		})
		if changed && !slices.Contains(notStored, field.Name) {
			own = append(own, field)
		}
	}
	slices.SortStableFunc(own, func(a, b HeaderField) int { return strings.Compare(a.Name, b.Name) })
	return own
}

func fieldsOf(response *fasthttp.Response) []HeaderField {
	var fields []HeaderField
	for name, value := range response.Header.All() {
		fields = append(fields, HeaderField{Name: string(name), Value: string(value)})
	}
	return fields
}
