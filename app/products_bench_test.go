package app_test

import (
	"io"
	"testing"

	"github.com/valyala/fasthttp"

	"example.com/prefab/app"
	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
)

// BenchmarkPage takes a page of the catalogue through the whole program but for
// the network: from the HTTP cache, and past it, as JSON and as HTML.
func BenchmarkPage(b *testing.B) {
	for _, c := range []struct{ name, path, header string }{
		{"json/hit", "/api/v1/products?limit=24", ""},
		{"json/past the cache", "/api/v1/products?limit=24", "no-store"},
		{"html/hit", "/", ""},
		{"ready", "/health/ready", ""},
		{"html/past the cache", "/", "no-store"},
	} {
		b.Run(c.name, func(b *testing.B) {
			handle := wired(b)
			ctx := new(fasthttp.RequestCtx)
			request := func() {
				ctx.Request.Reset()
				ctx.Response.Reset()
				ctx.ResetUserValues()
				ctx.Request.SetRequestURI("http://localhost:3000" + c.path)
				if c.header != "" {
					ctx.Request.Header.Set(fasthttp.HeaderCacheControl, c.header)
				}
				handle(ctx)
			}
			request()
			if ctx.Response.StatusCode() != fasthttp.StatusOK {
				b.Fatalf("%d: %s", ctx.Response.StatusCode(), ctx.Response.Body())
			}
			b.SetBytes(int64(len(ctx.Response.Body())))
			b.ReportAllocs()
			for b.Loop() {
				request()
			}
		})
	}
}

// wired is the program's handler, on a catalogue of samples.
func wired(b *testing.B) fasthttp.RequestHandler {
	cfg, err := load(b, "DATABASE_URL="+devtest.Database(b), "REDIS_URL="+devtest.Redis(b))
	if err != nil {
		b.Fatal(err)
	}
	db := openDB(b, string(cfg.DatabaseURL))
	if err := repositories.Seed(b.Context(), db, repositories.SeedOptions{Products: 100}); err != nil {
		b.Fatal(err)
	}
	log := app.NewLogger(cfg, io.Discard)
	return app.Wire(cfg, db, devtest.RedisClient(b, string(cfg.RedisURL)), log).Handler()
}
