package compress_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/compress"
	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/services/tracing"
)

func compressor() *compress.Compressor {
	return compress.New(compress.Config{Level: 6, MinBytes: 1024})
}

func TestCompress_LeavesAloneWhatGainsNothing(t *testing.T) {
	app := fibertest.New()
	app.Use(compressor().Handle)
	app.Get("/", func(c *fiber.Ctx) error {
		c.Set("Content-Type", c.Query("type", "application/json"))
		if part := c.Query("part"); part != "" {
			c.Set("Content-Range", part)
		}
		if c.Query("stream") != "" {
			return c.SendStream(strings.NewReader(strings.Repeat("x", 2000)))
		}
		return c.Status(c.QueryInt("status", 200)).SendString(strings.Repeat("x", c.QueryInt("size", 1024)))
	})
	for query, want := range map[string]struct{ compressed, varies bool }{
		"size=1024":                         {true, true},
		"size=1023":                         {false, true},
		"size=0":                            {false, false},
		"stream=1":                          {false, false},
		"type=":                             {true, true}, // text/plain by default
		"type=text/html; charset=utf-8":     {true, true},
		"type=application/problem%2Bjson":   {true, true},
		"type=application/x-ndjson":         {true, true},
		"type=image/svg%2Bxml":              {true, true},
		"type=image/png":                    {false, false},
		"type=application/octet-stream":     {false, false},
		"status=206&part=bytes 0-1023/4096": {false, false},
		"status=404":                        {true, true},
	} {
		response, _ := fibertest.Send(t, app, "GET", "/?"+strings.ReplaceAll(query, " ", "%20"), "Accept-Encoding", "gzip")
		if got := response.Header.Get("Content-Encoding") == "gzip"; got != want.compressed {
			t.Errorf("%s: compressed is %v", query, got)
		}
		if got := response.Header.Get("Vary") == "Accept-Encoding"; got != want.varies {
			t.Errorf("%s: Vary is %q", query, response.Header.Get("Vary"))
		}
	}
}

func TestCompress_LeavesAloneWhatMayReflectSecrets(t *testing.T) {
	app := fibertest.New()
	app.Use(compressor().Handle, func(c *fiber.Ctx) error {
		if c.Get("Cookie") == "session" {
			tracing.From(c.UserContext()).MarkPrivate()
		}
		return c.Next()
	})
	app.Get("/", func(c *fiber.Ctx) error {
		if control := c.Query("control"); control != "" {
			c.Set("Cache-Control", control)
		}
		if c.Query("cookie") != "" {
			c.Cookie(&fiber.Cookie{Name: "a", Value: "b"})
		}
		return c.JSON(strings.Repeat("x", 2000))
	})
	for _, c := range []struct {
		query      string
		headers    []string
		compressed bool
	}{
		{"", nil, true},
		{"", []string{"Cookie", "session"}, false},
		{"", []string{"Cookie", "theme=dark"}, true},
		{"", []string{"Authorization", "Bearer x"}, false},
		{"cookie=1", nil, false},
		{"control=private", nil, false},
		{"control=max-age=1,%20No-Store", nil, false},
		{"control=no-transform", nil, false},
		{"control=public,max-age=60", nil, true},
		{"control=x=%22a,private,b%22", nil, true}, // "private" is part of a text
	} {
		response, _ := fibertest.Send(t, app, "GET", "/?"+c.query, append(c.headers, "Accept-Encoding", "br")...)
		if got := response.Header.Get("Content-Encoding") == "br"; got != c.compressed {
			t.Errorf("%s %q: compressed is %v", c.query, c.headers, got)
		}
		if response.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s %q: Vary is %q", c.query, c.headers, response.Header.Get("Vary"))
		}
	}
}

// HEAD gets the header that GET gets.
func TestCompress_AddsToVaryAndToAStrongETagOnce(t *testing.T) {
	app := fibertest.New()
	app.Use(compressor().Handle, compressor().Handle)
	app.Get("/", func(c *fiber.Ctx) error {
		for line := range strings.SplitSeq(c.Query("vary"), "|") {
			if line != "" {
				c.Response().Header.Add("Vary", line)
			}
		}
		if tag := c.Query("tag"); tag != "" {
			c.Set("ETag", tag)
		}
		return c.JSON(strings.Repeat("x", 2000))
	})
	for _, c := range []struct{ accept, vary, wantVary, tag, wantTag string }{
		{"gzip", "", "Accept-Encoding", `"7-abc"`, `"7-abc-gzip"`},
		{"br", "Accept", "Accept, Accept-Encoding", `"7-abc"`, `"7-abc-br"`},
		{"", "Accept", "Accept, Accept-Encoding", `"7-abc"`, `"7-abc"`},
		{"zstd", "Accept-Encoding", "Accept-Encoding", `W/"7"`, `W/"7"`},
		{"gzip", "Origin|Accept", "Origin, Accept-Encoding|Accept", "", ""},
		{"gzip", "X-Accept-Encoding", "X-Accept-Encoding, Accept-Encoding", "", ""},
	} {
		target := "/?vary=" + strings.ReplaceAll(c.vary, " ", "%20") + "&tag=" + strings.ReplaceAll(c.tag, `"`, "%22")
		for _, method := range []string{"GET", "HEAD"} {
			response, _ := fibertest.Send(t, app, method, target, "Accept-Encoding", c.accept)
			if got := strings.Join(response.Header.Values("Vary"), "|"); got != c.wantVary {
				t.Errorf("%s %s: Vary %q, want %q", method, target, got, c.wantVary)
			}
			if got := response.Header.Get("ETag"); got != c.wantTag {
				t.Errorf("%s %s: ETag %s, want %s", method, target, got, c.wantTag)
			}
			if got := response.Header.Get("Content-Encoding"); got != c.accept || (response.ContentLength < 1000) != (c.accept != "") {
				t.Errorf("%s %s: encoding %q, %d bytes", method, target, got, response.ContentLength)
			}
		}
	}
}

// Requests share the buffers of bodies.
func TestCompress_DoesNotMixParallelAnswers(t *testing.T) {
	app := fibertest.New()
	app.Use(compressor().Handle)
	body := func(seed int) string { // of words, or of noise that compression makes larger
		if seed%3 > 0 {
			return strings.Repeat(fmt.Sprint(seed, ";"), 600+seed%200)
		}
		noise := make([]byte, 1024+seed%2048)
		_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(noise)
		return string(noise)
	}
	app.Get("/:seed", func(c *fiber.Ctx) error {
		seed, _ := c.ParamsInt("seed")
		if seed%2 == 0 {
			return c.SendString(body(seed))
		}
		return c.Send([]byte(body(seed)))
	})
	handler := app.Handler()
	var running sync.WaitGroup
	for worker := range 8 {
		running.Go(func() {
			for i := range 100 {
				seed := worker*100 + i
				var request fasthttp.RequestCtx
				request.Request.SetRequestURI(fmt.Sprint("/", seed))
				request.Request.Header.Set("Accept-Encoding", []string{"br", "zstd", "gzip"}[i/2%3])
				handler(&request)
				runtime.Gosched() // others take buffers now
				plain, err := request.Response.BodyUncompressed()
				if string(plain) != body(seed) || err != nil {
					t.Errorf("%d as %s: %.40q, error %v", seed, request.Response.Header.ContentEncoding(), plain, err)
				}
				if got := len(request.Response.Header.ContentEncoding()) > 0; got != (seed%3 > 0) {
					t.Errorf("%d: compressed is %v", seed, got)
				}
			}
		})
	}
	running.Wait()
}
