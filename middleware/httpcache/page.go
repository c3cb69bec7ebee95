package httpcache

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/tracing"
)

// Page is a stored response, JSON as well as HTML. Requests share it, so it is never changed.
type Page struct {
	Status   int
	Body     []byte        // as it is sent
	Fields   http.Header   // that the route has set
	Stored   int64         // when the route began to make it, in nanoseconds since 1970
	Lifetime time.Duration // from then on
}

// age is how old the page is; 0 if the clock of the node that made it is ahead.
func (p *Page) age(now time.Time) time.Duration {
	return max(0, time.Duration(now.UnixNano()-p.Stored))
}

const (
	headerCacheStatus = "Cache-Status"
	cacheName         = "prefab" // in Cache-Status, RFC 9211
)

// send answers with the page.
func (p *Page) send(c *fiber.Ctx, from string, age time.Duration) {
	response := c.Response()
	header := &response.Header
	response.SetStatusCode(p.Status)
	response.SetBodyRaw(p.Body)
	for name, lines := range p.Fields {
		if name == fiber.HeaderVary && has(header, name) {
			c.Vary(lines...)
			continue
		}
		// The first line of a name replaces those of middleware outside of the cache.
		setHeader(header, name, utils.UnsafeBytes(lines[0]))
		for _, line := range lines[1:] {
			header.Add(name, line)
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

// notStored are the fields of one connection, one request or one client.
var notStored = []string{
	fiber.HeaderConnection, fiber.HeaderKeepAlive, "Proxy-Connection", fiber.HeaderProxyAuthenticate,
	"Proxy-Authentication-Info", fiber.HeaderProxyAuthorization, "Te", fiber.HeaderTrailer,
	fiber.HeaderTransferEncoding, fiber.HeaderUpgrade, "X-Request-Id", headerCacheStatus, fiber.HeaderContentLength,
	"Ratelimit", "Ratelimit-Policy", // as fasthttp spells them
}

// ownFields are those that the route has set or changed. The others are set again when the
// page is sent, by the middleware outside of the cache.
func ownFields(before, after http.Header) http.Header {
	maps.DeleteFunc(after, func(name string, lines []string) bool {
		return slices.Contains(notStored, name) || slices.Equal(before[name], lines)
	})
	return after
}

func fieldsOf(response *fasthttp.Response) http.Header {
	fields := make(http.Header)
	for name, value := range response.Header.All() {
		fields[string(name)] = append(fields[string(name)], string(value))
	}
	return fields
}
