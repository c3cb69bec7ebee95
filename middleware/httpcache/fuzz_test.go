package httpcache_test

import (
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/httpcache"
)

// get answers a GET without a connection.
func get(app *fiber.App, target string) string {
	var c fasthttp.RequestCtx
	c.Request.SetRequestURI(target)
	c.Request.Header.SetHost("example.com")
	app.Handler()(&c)
	return string(c.Response.Body())
}

// Whatever stands beside it, no-store in a line of its own is obeyed.
func FuzzCache_ObeysNoStore(f *testing.F) {
	for _, line := range []string{"max-age=60", `x="`, `x="\`, "max-age", "=,=", "a=b;c", `,"no`} {
		f.Add(line, "")
		f.Add("", line)
	}
	var lines []string
	app, pages := newFuzzed(func(c *fiber.Ctx) error {
		for _, line := range lines {
			c.Response().Header.Add(fiber.HeaderCacheControl, line)
		}
		return nil
	})
	f.Fuzz(func(t *testing.T, before, after string) {
		lines = []string{before, "No-Store", after}
		clear(pages.pages)
		get(app, "/products")
		if stored, pending := pages.stored(); stored+pending != 0 {
			t.Errorf("%q, %q: %d pages are kept, %d unfinished", before, after, stored, pending)
		}
	})
}

// Two requests whose parameters the handler would tell apart get two pages.
func FuzzCache_TellsParametersApart(f *testing.F) {
	f.Add("a=1", "a=1&b=")
	f.Add("a=1%26b=2", "a=1&b=2")
	f.Add("a=1?b=2", "a=1&b=2")
	f.Add("a=%zz", "a=%25zz")
	f.Add("a=+", "a=%20")
	echo := func(c *fiber.Ctx) error {
		args := c.Context().QueryArgs()
		return c.JSON([]any{c.Query("a"), args.Has("a"), c.Query("b"), args.Has("b"), args.Len()})
	}
	cached, pages := newFuzzed(echo)
	bare := fiber.New()
	bare.Get("/products", echo)
	f.Fuzz(func(t *testing.T, one, other string) {
		clear(pages.pages)
		for _, query := range []string{one, other, one} {
			target := "/products?" + query
			if got, want := get(cached, target), get(bare, target); got != want {
				t.Errorf("%q after %q: %s, want %s", query, one, got, want)
			}
		}
	})
}

// newFuzzed serves from a cache that is made once.
func newFuzzed(handle fiber.Handler) (*fiber.App, *memoryPages) {
	route := httpcache.RouteConfig{Query: []string{"a", "b"}}
	fuzzed := fiber.New()
	fuzzed.Use(fibertest.Trace)
	app, pages, _ := mountCached(fuzzed, httpcache.Config{TTL: time.Minute}, route, handle)
	return app, pages
}
