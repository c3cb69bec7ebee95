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
	cached := fiber.New()
	cached.Use(fibertest.Trace)
	cached, pages, _ := mountCached(cached, httpcache.Config{TTL: time.Minute}, httpcache.RouteConfig{Query: []string{"a", "b"}}, echo)
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
