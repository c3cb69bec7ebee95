package middleware_test

import (
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware"
)

func TestCompress_TakesTheEncodingThatTheClientLikesBest(t *testing.T) {
	text := strings.Repeat("the same words again, ", 200)
	app, _, _ := newApp()
	app.Use(middleware.NewCompressor(middleware.CompressConfig{Level: 6, MinBytes: 1024}).Handle)
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString(text) })
	for _, c := range []struct {
		accepts []string // lines
		want    string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"gzip, deflate, br, zstd"}, "br"},
		{[]string{"gzip, deflate, br"}, "br"},
		{[]string{"gzip, deflate"}, "gzip"},
		{[]string{"deflate, gzip, br, zstd"}, "br"},
		{[]string{"gzip"}, "gzip"},
		{[]string{"zstd"}, "zstd"},
		{[]string{"gzip, zstd"}, "zstd"},
		{[]string{"GZIP"}, "gzip"},
		{[]string{"x-gzip"}, "gzip"},
		{[]string{"deflate"}, ""},
		{[]string{"gzip2, brr"}, ""},
		{[]string{"identity"}, ""},
		{[]string{"br;q=0"}, ""},
		{[]string{"br;q=0, gzip"}, "gzip"},
		{[]string{"br ; q=0.000 , gzip ; q=0.001"}, "gzip"},
		{[]string{"br;q=0.8, gzip;q=0.9, zstd;q=0.85"}, "gzip"},
		{[]string{"br;q=0.5, zstd;q=0.5, gzip;q=0.5"}, "br"},
		{[]string{"gzip;q=1.0, br;q=1"}, "br"},
		{[]string{"identity;q=1, gzip;q=0.5"}, ""},
		{[]string{"identity;q=0.5, gzip;q=0.5"}, "gzip"},
		{[]string{"identity;q=0, gzip;q=0.1"}, "gzip"},
		{[]string{"identity;q=0"}, ""},
		{[]string{"*"}, "br"},
		{[]string{"*;q=0"}, ""},
		{[]string{"*;q=0, gzip"}, "gzip"},
		{[]string{"br;q=0, *"}, "zstd"},
		{[]string{"gzip;q=0.5, *;q=0.7"}, "br"},
		{[]string{"br;Q=0, gzip;Q=1"}, "gzip"},
		{[]string{", ,gzip,,"}, "gzip"},
		{[]string{"gzip;q=0.5", "br;q=0.6"}, "br"},
		{[]string{"gzip", "br;q=0"}, "gzip"},
		{[]string{"gzip;q=1.1"}, ""},
		{[]string{"gzip;q=2, br"}, ""},
		{[]string{"gzip;q=-1"}, ""},
		{[]string{"gzip;q=.5"}, ""},
		{[]string{"gzip;q=0.1234"}, ""},
		{[]string{"gzip;q=x, br"}, ""},
		{[]string{"gzip;q="}, ""},
		{[]string{"gzip;q=1 br"}, ""},
		{[]string{"gzip br"}, ""},
	} {
		var headers []string
		for _, line := range c.accepts {
			headers = append(headers, "Accept-Encoding", line)
		}
		response, body := send(t, app, "GET", "/", headers...)
		if got := response.Header.Get("Content-Encoding"); got != c.want {
			t.Errorf("%q: encoding %q, want %q", c.accepts, got, c.want)
		}
		if got := decoded(t, response.Header.Get("Content-Encoding"), body); got != text {
			t.Errorf("%q: the body has become %.40q", c.accepts, got)
		}
		if vary := response.Header.Values("Vary"); len(vary) != 1 || vary[0] != "Accept-Encoding" {
			t.Errorf("%q: Vary is %q", c.accepts, vary)
		}
	}
}
