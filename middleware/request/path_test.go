package request_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/request"
)

// newArticles serves articles by a parameter that is text.
func newArticles() *fiber.App {
	app := fiber.New(fiber.Config{
		ErrorHandler: fibertest.New().Config().ErrorHandler, StrictRouting: true, CaseSensitive: true, UnescapePath: true,
	})
	app.Use(request.CanonicalPath)
	app.Use("/articles/secret", func(*fiber.Ctx) error { return fiber.ErrForbidden })
	app.Get("/articles/:slug", func(c *fiber.Ctx) error {
		return c.SendString(c.Params("slug") + " at " + c.Path() + ", sent as " + string(c.Context().URI().PathOriginal()))
	})
	return app
}

func TestCanonicalPath_IsOneForRoutesAndHandlers(t *testing.T) {
	app := newArticles()
	for spelled, slug := range map[string]string{
		"/articles/plain": "plain", "/%61rticles/%70lain": "plain", "/articles/hello%2Dtwo": "hello-two",
		"/articles/caf%C3%A9-x": "café-x", "/articles/caf%c3%a9%2dx": "café-x", "/articles/a+b": "a+b", "/articles/a%2bb": "a+b",
		"/articles/a%20b": "a b", "/articles/100%25": "100%", "/articles/%2541": "%41", "/articles/a%3Fb%23c": "a?b#c",
		"/articles/.hidden": ".hidden", "/articles/%2ehidden": ".hidden", "/articles/...": "...", "/articles/a!$&'()*,;=:@b": "a!$&'()*,;=:@b",
		"/articles/a%21%24%26%27%28%29%2A%2C%3B%3D%3A%40b": "a!$&'()*,;=:@b",
	} {
		_, body := fibertest.Send(t, app, "GET", spelled)
		_, same := fibertest.Send(t, app, "GET", "/articles/"+url.PathEscape(slug))
		if want := slug + " at /articles/" + slug + ", "; !strings.HasPrefix(body, want) || body != same {
			t.Errorf("%s: %q, the usual spelling %q, want %q", spelled, body, same, want)
		}
	}
}

func TestCanonicalPath_RefusesWhatLeadsElsewhereForOthers(t *testing.T) {
	app := newArticles()
	for path, want := range map[string]int{
		"/articles/a": 200, "/articles/secret": 403, "/articles/%73ecret": 403, "/%61rticles/secret": 403, "/articles/secret/x": 403,
		"/articles/a%2Fb": 400, "/articles%2Fsecret": 400, "/articles/%00": 400, "/articles/%0a": 400, "/articles/%ff": 400, "/articles/%c3": 400,
		"/articles/%c2%85": 400, "/articles/%zz": 400, "/articles/%4": 400,
		"//articles/a": 404, "/articles//secret": 404, "/articles/./secret": 404, "/articles/x/../secret": 404, "/articles/%2e%2e": 404,
		"/articles/%2e": 404, "/articles/..": 404, "/articles/a/": 404, "//": 404, "/": 404,
		"": 404, // as "/": RFC 9110, section 4.2.3
	} {
		var c fasthttp.RequestCtx
		c.Request.SetRequestURI(path)
		c.Request.Header.SetHost("example.com")
		app.Handler()(&c)
		if got := c.Response.StatusCode(); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}

// FuzzCanonicalPath: a path that gets through has one meaning, and keeps it.
func FuzzCanonicalPath(f *testing.F) {
	for _, path := range []string{"/", "/a", "/%61", "/a+b", "/%2f", "/%00", "/%", "/..", "//", "/a/./b", "/%e2%82%ac", "/\xff", "/%2525", "/;=,"} {
		f.Add(path)
	}
	var decoded, sent string
	app := fiber.New(fiber.Config{StrictRouting: true, CaseSensitive: true, UnescapePath: true})
	app.Use(request.CanonicalPath, func(c *fiber.Ctx) error {
		decoded, sent = strings.Clone(c.Path()), string(c.Context().URI().PathOriginal())
		return nil
	})
	ask := func(path string) int {
		var c fasthttp.RequestCtx
		c.Request.Header.SetHost("example.com")
		c.URI().SetPath(path)
		app.Handler()(&c)
		return c.Response.StatusCode()
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		want, err := url.PathUnescape(path)
		status := ask(path)
		if status != fiber.StatusOK {
			return
		}
		if err != nil || decoded != want || !utf8.ValidString(decoded) || strings.ContainsFunc(decoded, unicode.IsControl) {
			t.Errorf("%q is %q, want %q, %v", path, decoded, want, err)
		}
		first := sent
		if ask(first) != fiber.StatusOK || decoded != want || sent != first {
			t.Errorf("%q is spelled %q, which is %q and spelled %q", path, first, decoded, sent)
		}
	})
}
