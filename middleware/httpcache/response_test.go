package httpcache_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/httpcache"
	"example.com/prefab/services/tracing"
)

func TestCache_StoresByTheHandlersHeader(t *testing.T) {
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	const no = "no"
	for _, test := range []struct {
		what    string
		headers []string
		ttl     string // of the page; "no": not kept; "": for the time of the route
	}{
		{"nothing", nil, ""},
		{"public", []string{"Cache-Control", "public"}, ""},
		{"max-age", []string{"Cache-Control", "max-age=100"}, "99"},
		{"s-maxage below max-age", []string{"Cache-Control", "s-maxage=50, max-age=100"}, "49"},
		{"in an extension's quotes", []string{"Cache-Control", `ext="max-age=900, s-maxage=900", max-age=100`}, "99"},
		{"behind an escaped quote", []string{"Cache-Control", `ext="\"", max-age=100`}, "99"},
		{"max-age above all", []string{"Cache-Control", "max-age=99999999999999999999"}, "2147483646"},
		{"no number", []string{"Cache-Control", "max-age=x"}, no},
		{"an unclosed quote", []string{"Cache-Control", `ext="x, max-age=100`}, no},
		{"Expires", []string{"Expires", at(100 * time.Second)}, no},
		{"Age", []string{"Age", "0", "Cache-Control", "max-age=100"}, no},
		{"Vary on the encoding", []string{"Vary", "accept-encoding"}, ""},
		{"Vary in a second line", []string{"Vary", "Accept-Encoding", "Vary", "X"}, no},
		{"an encoding of the handler's choice", []string{"Vary", "Accept-Encoding", "Content-Encoding", "deflate"}, no},
		{"Content-Range", []string{"Content-Range", "bytes 0-1/2"}, no},
		{"a trailer", []string{"Trailer", "Digest"}, no},
		{"Set-Cookie", []string{"Set-Cookie", "a=b"}, no},
		{"private", []string{"Cache-Control", "private, max-age=60"}, no},
		{"no-store", []string{"Cache-Control", "no-store, max-age=60"}, no},
		{"Vary: *", []string{"Vary", "*"}, no},
		{"Vary: Accept", []string{"Vary", "Accept"}, no},
	} {
		app, pages, h := cachedApp(minute, httpcache.RouteConfig{}, func(c *fiber.Ctx) error {
			for i := 0; i < len(test.headers); i += 2 {
				c.Response().Header.Add(test.headers[i], test.headers[i+1])
			}
			return nil
		})
		fibertest.Send(t, app, "GET", "/products/1")
		response, body := fibertest.Send(t, app, "GET", "/products/1")
		status := strings.TrimPrefix(response.Header.Get("Cache-Status"), "prefab; ")
		if test.ttl == no {
			if stored, pending := pages.stored(); body != "answer 2" || stored+pending != 0 {
				t.Errorf("%s: %q, %s; %d pages are stored, %d unfinished", test.what, body, status, stored, pending)
			}
			continue
		}
		ttl := test.ttl
		if ttl == "" {
			ttl = "59"
		}
		if body != "answer 1" || h.calls.Load() != 1 || status != "hit; ttl="+ttl+"; detail=memory" {
			t.Errorf("%s: %q, %q, want a ttl of %s", test.what, body, status, ttl)
		}
	}
}

func TestCache_IsOffWithoutATTL(t *testing.T) {
	app, pages, _ := cachedApp(httpcache.Config{}, httpcache.RouteConfig{}, says("Cache-Control", "max-age=60"))
	response, _ := fibertest.Send(t, app, "GET", "/products/1")
	if status := response.Header.Get("Cache-Status"); status != "prefab; fwd=bypass; detail=no-ttl" || pages.finds != 0 {
		t.Errorf("%q, %d pages were looked for", status, pages.finds)
	}
}

func TestCache_StoresNothingOfOneReaderOrOneMoment(t *testing.T) {
	for what, handle := range map[string]fiber.Handler{
		"a stream": func(c *fiber.Ctx) error {
			c.Context().SetBodyStreamWriter(func(w *bufio.Writer) { _, _ = w.WriteString("streamed") })
			return nil
		},
		"a value past its time": func(c *fiber.Ctx) error {
			tracing.From(c.UserContext()).MarkStale()
			return nil
		},
		"an answer of one user": func(c *fiber.Ctx) error { // by a guard behind the cache
			tracing.From(c.UserContext()).MarkPrivate()
			return nil
		},
		"a part":     func(c *fiber.Ctx) error { return c.Status(fiber.StatusPartialContent).SendString("part") },
		"a redirect": func(c *fiber.Ctx) error { return c.Redirect("/elsewhere") },
	} {
		app, pages, h := cachedApp(minute, httpcache.RouteConfig{}, handle)
		fibertest.Send(t, app, "GET", "/products/1")
		fibertest.Send(t, app, "GET", "/products/1")
		if stored, pending := pages.stored(); stored+pending != 0 || h.calls.Load() != 2 {
			t.Errorf("%s: %d pages are stored, %d unfinished; %d calls", what, stored, pending, h.calls.Load())
		}
	}
}
