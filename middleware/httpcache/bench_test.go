package httpcache_test

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/httpcache"
)

// fixedPages give one page at once, so that the benchmark sees Cache alone.
type fixedPages struct{ page *httpcache.Page }

func (p *fixedPages) Find(context.Context, string, []string) (*httpcache.Page, string, func(*httpcache.Page, time.Duration)) {
	if p.page != nil {
		return p.page, "memory", nil
	}
	return nil, "", func(page *httpcache.Page, _ time.Duration) { p.page = page }
}

// BenchmarkCache_Hit sends a page of 4 KiB; "bare" is Fiber alone with the same body.
func BenchmarkCache_Hit(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 4096)
	handler := func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		c.Set(fiber.HeaderETag, `"7-abc"`)
		return c.Send(body)
	}
	cached := httpcache.New(httpcache.Config{Store: new(fixedPages), TTL: time.Hour}).
		Route(httpcache.RouteConfig{Query: []string{"limit"}, Tags: []string{"product:{id}"}})
	for name, handlers := range map[string][]fiber.Handler{"bare": {handler}, "cached": {cached, handler}} {
		b.Run(name, func(b *testing.B) {
			app := fiber.New(fiber.Config{StrictRouting: true, CaseSensitive: true, EnableTrustedProxyCheck: true})
			app.Use(fibertest.Trace)
			app.Get("/api/v1/products/:id", handlers...)
			serve := app.Handler()
			var request fasthttp.Request
			request.SetRequestURI("/api/v1/products/42?limit=20")
			request.Header.SetHost("localhost:3000")
			request.Header.Set(fiber.HeaderAcceptEncoding, "gzip, deflate, br, zstd")
			var c fasthttp.RequestCtx
			c.Init(&request, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
			serve(&c)
			b.ReportAllocs()
			for b.Loop() {
				c.Response.Reset()
				c.ResetUserValues()
				serve(&c)
			}
			if c.Response.StatusCode() != fiber.StatusOK || len(c.Response.Body()) != 4096 {
				b.Fatalf("status %d, %d bytes", c.Response.StatusCode(), len(c.Response.Body()))
			}
		})
	}
}
