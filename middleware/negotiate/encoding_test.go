package negotiate_test

import (
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/negotiate"
)

func TestEncoding_IsTheOneThatTheClientPrefers(t *testing.T) {
	app := fiber.New()
	for _, c := range []struct {
		accepts []string // lines
		want    string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"gzip, deflate, br, zstd"}, "br"},
		{[]string{"deflate, gzip, br, zstd"}, "br"},
		{[]string{"gzip, deflate"}, "gzip"},
		{[]string{"gzip, zstd"}, "zstd"},
		{[]string{"GZIP"}, "gzip"},
		{[]string{"deflate, gzip2, identity"}, ""},
		{[]string{"br;q=0, gzip"}, "gzip"},
		{[]string{"br ; q=0.000 , gzip ; q=0.001"}, "gzip"},
		{[]string{"br;q=0.8, gzip;q=0.9, zstd;q=0.85"}, "gzip"},
		{[]string{"gzip;q=1.0, br;q=1"}, "br"},
		{[]string{"*"}, "br"},
		{[]string{"identity, *;q=0"}, ""},
		{[]string{"br;q=0, *"}, "zstd"},
		{[]string{"gzip;q=0.5, *;q=0.7"}, "br"},
		{[]string{"br;Q=0, gzip;Q=1"}, "gzip"},
		{[]string{", ,gzip,,"}, "gzip"},
		{[]string{"gzip;q=0.5", "br;q=0.6"}, "br"},
		{[]string{"gzip;q=1.1"}, ""},
		{[]string{"gzip;q=-1"}, ""},
		{[]string{"br;q=x, gzip"}, "gzip"},
		{[]string{"gzip;q=1 br"}, ""},
		{[]string{"gzip br"}, ""},
	} {
		var request fasthttp.RequestCtx
		for _, line := range c.accepts {
			request.Request.Header.Add(fiber.HeaderAcceptEncoding, line)
		}
		ctx := app.AcquireCtx(&request)
		if got := negotiate.Encoding(ctx); got != c.want {
			t.Errorf("%q: encoding %q, want %q", c.accepts, got, c.want)
		}
		app.ReleaseCtx(ctx)
	}
}
