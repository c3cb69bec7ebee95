package handlers

import (
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/templates/views"
)

// meeting is data that is there once so many renderings have come to it.
type meeting struct{ come, together chan struct{} }

func (m meeting) Wait() string {
	m.come <- struct{}{}
	<-m.together
	return "met"
}

// Fiber's own engine renders the pages of a layout one after the other.
func TestRender_OfOnePageRunsInParallel(t *testing.T) {
	v, err := views.New(fstest.MapFS{
		"layout.html": {Data: []byte(`<title>{{.Title}}</title>{{template "main" .}}`)},
		"parts.html":  {},
		"page.html":   {Data: []byte(`{{define "main"}}{{.Page.Wait}}{{end}}`)},
	}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New(fiber.Config{Views: v})
	data := meeting{make(chan struct{}), make(chan struct{})}
	app.Get("/", func(c *fiber.Ctx) error { return render(c, "page", view{Title: "all", Page: data}) })
	handle := app.Handler()
	const many = 8
	bodies := make(chan string, many)
	for range many {
		go func() {
			var request fasthttp.RequestCtx
			request.Request.SetRequestURI("/")
			handle(&request)
			bodies <- string(request.Response.Body())
		}()
	}
	for n := range many {
		select {
		case <-data.come:
		case <-time.After(30 * time.Second):
			t.Fatalf("%d renderings are under way, and no more begin", n)
		}
	}
	close(data.together)
	for range many {
		if got := <-bodies; got != "<title>all</title>met" {
			t.Errorf("got %q", got)
		}
	}
}

func TestErrorPage_IsWholeAfterAPageThatFailsHalfWay(t *testing.T) {
	v, err := views.New(fstest.MapFS{
		"layout.html":  {Data: []byte(`{{template "main" .}}`)},
		"parts.html":   {},
		"page.html":    {Data: []byte(`{{define "main"}}half{{.Page.None}}{{end}}`)},
		"problem.html": {Data: []byte(`{{define "main"}}{{.Page.Status}}{{end}}`)},
	}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New(fiber.Config{Views: v, ErrorHandler: ErrorHandler(slog.New(slog.DiscardHandler))})
	app.Get("/", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderXRequestID, "1")
		return render(c, "page", view{Page: "a text, which has no None"})
	})
	var request fasthttp.RequestCtx
	request.Request.SetRequestURI("/")
	request.Request.Header.Set("Accept", "text/html")
	app.Handler()(&request)
	if got := string(request.Response.Body()); got != "500" || request.Response.StatusCode() != 500 {
		t.Errorf("%d: %q", request.Response.StatusCode(), got)
	}
}

func TestLocalPath_LeavesTheSiteForNobody(t *testing.T) {
	for next, want := range map[string]string{
		"":                         "/",
		"/":                        "/",
		"/products/1":              "/products/1",
		"/?category=1&after=x":     "/?category=1&after=x",
		"/products/1#reviews":      "/products/1",
		"/a b":                     "/a%20b",
		"/ä":                       "/%C3%A4",
		"products":                 "/",
		"//evil.example":           "/",
		"///evil.example":          "/",
		`/\evil.example`:           "/%5Cevil.example",
		`/\/evil.example`:          "/%5C/evil.example",
		"/\t/evil.example":         "/",
		"/\n/evil.example":         "/",
		"/\r\nSet-Cookie: a=b":     "/",
		"/\x00":                    "/",
		"https://evil.example":     "/",
		"javascript:alert(1)":      "/",
		"http:/evil.example":       "/",
		"/%zz":                     "/",
		" //evil.example":          "/",
		"\u00a0//evil.example":     "/",
		"/%2f/evil.example":        "/%2f/evil.example",
		"/?next=//evil.example":    "/?next=//evil.example",
		"/https://evil.example":    "/https://evil.example",
		"@evil.example":            "/",
		"/@evil.example":           "/@evil.example",
		strings.Repeat("/a", 1000): strings.Repeat("/a", 1000),
	} {
		if got := localPath(next); got != want {
			t.Errorf("%q: %q, want %q", next, got, want)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, next := range []string{"/", "//evil.example", "/\t/evil.example", `/\evil.example`, "/%2f", `/%2fevil.example"`, "/a?b=c#d"} {
		f.Add(next)
	}
	base, _ := url.Parse("https://shop.example/login")
	f.Fuzz(func(t *testing.T, next string) {
		path := localPath(next)
		if strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
			t.Errorf("%q: %q has what a browser reads otherwise, or a header cannot hold", next, path)
		}
		target, err := base.Parse(path)
		if err != nil || target.Host != base.Host || target.Scheme != base.Scheme || strings.HasPrefix(path, "//") {
			t.Errorf("%q: %q leads to %v, %v", next, path, target, err)
		}
		if again := localPath(path); again != path {
			t.Errorf("%q: %q is %q the second time", next, path, again)
		}
	})
}
