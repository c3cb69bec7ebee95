package compress_test

import (
	"bytes"
	"errors"
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
		if encoding := c.Query("encoded"); encoding != "" {
			c.Set("Content-Encoding", encoding)
		}
		if part := c.Query("part"); part != "" {
			c.Set("Content-Range", part)
		}
		return c.Status(c.QueryInt("status", 200)).SendString(strings.Repeat("x", c.QueryInt("size", 1024)))
	})
	for query, want := range map[string]struct{ compressed, varies bool }{
		"size=1024":                            {true, true},
		"size=1023":                            {false, true},
		"size=0":                               {false, false},
		"type=":                                {true, true}, // text/plain by default
		"type=text/html; charset=utf-8":        {true, true},
		"type=TEXT/CSS":                        {false, true}, // fasthttp does not know it by that name
		"type=application/json; charset=utf-8": {true, true},
		"type=application/problem%2Bjson":      {true, true},
		"type=application/x-ndjson":            {true, true},
		"type=application/xml":                 {true, true},
		"type=image/svg%2Bxml":                 {true, true},
		"type=text/event-stream":               {false, false},
		"type=image/png":                       {false, false},
		"type=video/mp4":                       {false, false},
		"type=application/zip":                 {false, false},
		"type=application/octet-stream":        {false, false},
		"encoded=gzip":                         {false, false},
		"part=bytes 0-1023/4096":               {false, false},
		"status=206":                           {false, false},
		"status=204":                           {false, false},
		"status=304":                           {false, false},
		"status=404":                           {true, true},
	} {
		response, _ := fibertest.Send(t, app, "GET", "/?"+strings.ReplaceAll(query, " ", "%20"), "Accept-Encoding", "gzip")
		encoding := response.Header.Get("Content-Encoding")
		if strings.HasPrefix(query, "encoded=") {
			encoding = "" // the handler's
		}
		if got := encoding == "gzip"; got != want.compressed {
			t.Errorf("%s: compressed is %v", query, got)
		}
		if got := response.Header.Get("Vary") == "Accept-Encoding"; got != want.varies {
			t.Errorf("%s: Vary is %q", query, response.Header.Get("Vary"))
		}
	}
}

func TestCompress_DoesNotTouchWhatMayReflectSecrets(t *testing.T) {
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
		{"control=no-cache", nil, true},
		{"control=x=%22a,private,b%22", nil, true}, // that is a text
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
		{"zstd", "accept-encoding", "accept-encoding", `W/"7"`, `W/"7"`},
		{"zstd", "Origin,Accept-Encoding , Accept", "Origin,Accept-Encoding , Accept", "", ""},
		{"gzip", "*", "*", "odd", "odd"},
		{"gzip", "Origin|Accept-Encoding", "Origin|Accept-Encoding", `""`, `"-gzip"`},
		{"gzip", "Origin|Accept", "Origin, Accept-Encoding|Accept", "", ""},
		{"gzip", "X-Accept-Encoding", "X-Accept-Encoding, Accept-Encoding", "", ""},
	} {
		target := "/?vary=" + strings.ReplaceAll(c.vary, " ", "%20") + "&tag=" + strings.ReplaceAll(c.tag, `"`, "%22")
		response, _ := fibertest.Send(t, app, "GET", target, "Accept-Encoding", c.accept)
		if got := strings.Join(response.Header.Values("Vary"), "|"); got != c.wantVary {
			t.Errorf("%s: Vary %q, want %q", target, got, c.wantVary)
		}
		if got := response.Header.Get("ETag"); got != c.wantTag {
			t.Errorf("%s: ETag %s, want %s", target, got, c.wantTag)
		}
		if got := response.Header.Get("Content-Encoding"); got != c.accept {
			t.Errorf("%s: encoding %q", target, got)
		}
	}
}

func TestCompress_AnnouncesToHeadWhatGetSends(t *testing.T) {
	app := fibertest.New()
	app.Use(compressor().Handle)
	app.Get("/", func(c *fiber.Ctx) error {
		c.Set("ETag", `"1"`)
		return c.JSON(strings.Repeat("text ", c.QueryInt("n")))
	})
	for _, accept := range []string{"", "gzip", "br", "zstd"} {
		for _, target := range []string{"/?n=1", "/?n=1000"} {
			get, _ := fibertest.Send(t, app, "GET", target, "Accept-Encoding", accept)
			head, body := fibertest.Send(t, app, "HEAD", target, "Accept-Encoding", accept)
			get.Header.Del("Date")
			head.Header.Del("Date")
			if got, want := fmt.Sprint(head.Header), fmt.Sprint(get.Header); got != want || body != "" {
				t.Errorf("%s %s: HEAD %s, GET %s", accept, target, got, want)
			}
			if head.ContentLength != get.ContentLength || head.ContentLength < 1 {
				t.Errorf("%s %s: HEAD has %d bytes, GET %d", accept, target, head.ContentLength, get.ContentLength)
			}
		}
	}
}

// Bodies, and what they are compressed into, live in buffers that requests share.
func TestCompress_ParallelAnswersAreNotMixed(t *testing.T) {
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
		seed, err := c.ParamsInt("seed")
		if seed%2 == 0 {
			return errors.Join(err, c.SendString(body(seed)))
		}
		return errors.Join(err, c.Send([]byte(body(seed))))
	})
	handler := app.Handler()
	var running sync.WaitGroup
	for worker := range 8 {
		running.Go(func() {
			for i := range 150 {
				seed := worker*150 + i
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

func FuzzCompress_ComesBackExactly(f *testing.F) {
	f.Add([]byte(""), uint8(0), false)
	f.Add(bytes.Repeat([]byte("ab"), 300), uint8(1), true)
	f.Add(bytes.Repeat([]byte{0, 255, 13}, 300), uint8(2), false)
	app := fibertest.New()
	app.Use(compress.New(compress.Config{Level: 6}).Handle)
	var body []byte
	var raw bool
	app.Get("/", func(c *fiber.Ctx) error {
		c.Type("txt")
		if raw {
			return c.Send(body)
		}
		return c.SendString(string(body))
	})
	handler := app.Handler()
	f.Fuzz(func(t *testing.T, given []byte, which uint8, sentRaw bool) {
		for _, repeated := range []int{1, 40} { // short ones are left alone
			body, raw = bytes.Repeat(given, repeated), sentRaw
			original := bytes.Clone(body)
			var request fasthttp.RequestCtx
			request.Request.SetRequestURI("/")
			request.Request.Header.Set("Accept-Encoding", []string{"br", "zstd", "gzip"}[which%3])
			handler(&request)
			plain, err := request.Response.BodyUncompressed()
			if err != nil || !bytes.Equal(plain, original) || !bytes.Equal(body, original) {
				t.Errorf("%s: %q has become %q, error %v", request.Response.Header.ContentEncoding(), original, plain, err)
			}
		}
	})
}

// decoded is the body without its encoding.
func decoded(t testing.TB, encoding, body string) string {
	t.Helper()
	var response fasthttp.Response
	response.Header.SetContentEncoding(encoding)
	response.SetBodyString(body)
	plain, err := response.BodyUncompressed()
	if err != nil {
		t.Fatalf("%s of %d bytes: %v", encoding, len(body), err)
	}
	return string(plain)
}
