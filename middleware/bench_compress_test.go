package middleware

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// benchmarkPage is a page of products of about that many bytes.
func benchmarkPage(bytes int) []byte {
	var page strings.Builder
	page.WriteString(`{"items":[`)
	for i := 0; page.Len() < bytes; i++ {
		fmt.Fprintf(&page, `{"id":%d,"name":"Oak Desk No. %d","priceCents":%d,"category":{"id":%d,"name":"Office"}},`,
			50000-i, i*7919%997, 500+i*7919%50000, i%7)
	}
	return []byte(strings.TrimSuffix(page.String(), ",") + `],"nextCursor":"MjAyNi0xMS0yMw"}`)
}

// benchmarkCtx returns the context of a request with header lines "Name", "value".
func benchmarkCtx(b *testing.B, headers ...string) *fiber.Ctx {
	b.Helper()
	app := fiber.New()
	c := app.AcquireCtx(&fasthttp.RequestCtx{})
	b.Cleanup(func() { app.ReleaseCtx(c) })
	for i := 0; i < len(headers); i += 2 {
		c.Request().Header.Add(headers[i], headers[i+1])
	}
	return c
}

func BenchmarkNegotiate(b *testing.B) {
	for name, accept := range map[string]string{
		"browser": "gzip, deflate, br, zstd", "client": "gzip", "weights": "deflate, gzip;q=1.0, *;q=0.5, br;q=0.8", "none": "",
	} {
		b.Run(name, func(b *testing.B) {
			c := benchmarkCtx(b, fiber.HeaderAcceptEncoding, accept)
			b.ReportAllocs()
			for b.Loop() {
				negotiate(c)
			}
		})
	}
}

func BenchmarkAcceptsCompact(b *testing.B) {
	for name, accept := range map[string]string{
		"browser": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
		"client":  "*/*", "compact": CompactType + ", application/json;q=0.9",
	} {
		b.Run(name, func(b *testing.B) {
			c := benchmarkCtx(b, fiber.HeaderAccept, accept)
			b.ReportAllocs()
			for b.Loop() {
				acceptsCompact(c)
			}
		})
	}
}

func BenchmarkValidators(b *testing.B) {
	body := benchmarkPage(4 << 10)
	for _, bench := range []struct{ name, etag, asked string }{
		{"hit", `"7-0123456789abcdef-br"`, ""},
		{"held", `"7-0123456789abcdef-br"`, `"7-0123456789abcdef-br"`},
		{"untagged", "", ""},
	} {
		b.Run(bench.name, func(b *testing.B) {
			app := fiber.New()
			app.Use(Validators, func(c *fiber.Ctx) error {
				header := &c.Response().Header
				header.SetContentType(fiber.MIMEApplicationJSON)
				header.Set(fiber.HeaderCacheControl, "no-cache")
				if bench.etag != "" {
					header.Set(fiber.HeaderETag, bench.etag)
				}
				return c.Send(body)
			})
			benchmarkRequests(b, app.Handler(), fiber.HeaderIfNoneMatch, bench.asked)
		})
	}
}

func BenchmarkCompress(b *testing.B) {
	for _, size := range []int{4 << 10, 100 << 10} {
		body := benchmarkPage(size)
		for _, encoding := range encodings {
			b.Run(fmt.Sprintf("%s/%dKiB", encoding, size>>10), func(b *testing.B) {
				app := fiber.New()
				app.Use(NewCompressor(CompressConfig{Level: 6, MinBytes: 1024}).Handle, func(c *fiber.Ctx) error {
					c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
					return c.Send(body)
				})
				b.SetBytes(int64(len(body)))
				benchmarkRequests(b, app.Handler(), fiber.HeaderAcceptEncoding, encoding)
			})
		}
	}
}

func benchmarkRequests(b *testing.B, handler fasthttp.RequestHandler, name, value string) {
	var request fasthttp.RequestCtx
	request.Request.SetRequestURI("/")
	if value != "" {
		request.Request.Header.Set(name, value)
	}
	b.ReportAllocs()
	for b.Loop() {
		request.Response.Reset()
		handler(&request)
	}
}

func BenchmarkCompact(b *testing.B) {
	page := benchmarkPage(10_000)
	shorten := newShortener(map[string]string{
		"items": "I", "nextCursor": "a", "id": "i", "name": "n", "priceCents": "p", "category": "c",
	})
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		if _, done := shorten.document(page); !done {
			b.Fatal("the page stayed plain")
		}
	}
}
