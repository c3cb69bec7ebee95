package httpcache_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/httpcache"
	"example.com/prefab/middleware/request"
	"example.com/prefab/services/tracing"
)

func TestCache_BypassesRequestsOfOneClient(t *testing.T) {
	long := strings.Repeat("x", 1100)
	for _, test := range []struct {
		what, status string
		target       string
		headers      []string
	}{
		{"nothing special", "hit", "", nil},
		{"declared parameters in another order", "hit", "?b=2&a=1", nil},
		{"an unknown directive", "hit", "", []string{"Cache-Control", `max-stale=5, x="no, thing"`}},
		{"a host in capitals", "hit", "", []string{"Host", "EXAMPLE.COM"}},

		// A header may come in several lines, the first of them empty.
		{"Authorization", "fwd=bypass; detail=authorization", "", []string{"Authorization", "", "Authorization", "Bearer 1"}},
		{"a session", "fwd=bypass; detail=session", "", []string{"X-Private", "1"}},
		{"a cookie", "fwd=bypass; detail=cookie", "", []string{"Cookie", "", "Cookie", "theme=dark"}},
		{"Range", "fwd=bypass; detail=range", "", []string{"Range", "", "Range", "bytes=0-1"}},
		{"If-Match", "fwd=bypass; detail=precondition", "", []string{"If-Match", "", "If-Match", `"x"`}},
		{"an undeclared parameter", "fwd=bypass; detail=query", "?a=1&b=2&c=3", nil},
		{"a parameter twice", "fwd=bypass; detail=query", "?a=1&b=2&b=2", nil},
		{"a long key", "fwd=bypass; detail=key-length", "?a=" + long, nil},
		{"a long tag", "fwd=bypass; detail=tag", "x" + long[:200], nil},
		{"no-cache", "fwd=request", "", []string{"Cache-Control", "", "Cache-Control", "no-cache"}},
		{"max-age=0", "fwd=request", "", []string{"Cache-Control", "max-age=0"}},
		{"an unclosed quote", "fwd=request", "", []string{"Cache-Control", `x="`}},
		{"a path in capitals", "fwd=uri-miss; stored", "/X", nil},
		{"another host", "fwd=uri-miss; stored", "", []string{"Host", "example.org"}},
		{"a value that looks like two", "fwd=uri-miss; stored", "?a=1%3fb=2", nil},
	} {
		app := fibertest.New()
		app.Use(markPrivate)
		pages, h := newPages(), &counted{}
		cfg := httpcache.Config{TTL: time.Minute, Store: pages}
		cached := httpcache.New(cfg).Route(httpcache.RouteConfig{Query: []string{"b", "a"}, Tags: []string{"thing:{id}"}})
		for _, path := range []string{"/things/:id", "/things/:id/", "/things/:id/X"} {
			app.Get(path, cached, h.Handle)
		}
		const warm = "/things/1?a=1&b=2"
		fibertest.Send(t, app, "GET", warm)
		target := "/things/1" + test.target
		if !strings.Contains(target, "?") {
			target += "?a=1&b=2"
		}
		response, body := fibertest.Send(t, app, "GET", target, test.headers...)
		status := strings.TrimPrefix(response.Header.Get("Cache-Status"), "prefab; ")
		if test.status == "hit" {
			if !strings.HasPrefix(status, "hit; ") || body != "answer 1" {
				t.Errorf("%s: %q, %q", test.what, status, body)
			}
			continue
		}
		if status != test.status || body != "answer 2" {
			t.Errorf("%s: %q, %q, want %q", test.what, status, body, test.status)
		}
		if stored, pending := pages.stored(); pending != 0 || (stored == 2) != strings.HasSuffix(test.status, "stored") {
			t.Errorf("%s: %d pages, %d unfinished", test.what, stored, pending)
		}
		if _, body := fibertest.Send(t, app, "GET", warm); body != "answer 1" {
			t.Errorf("%s: the page is %q now", test.what, body)
		}
	}
}

func TestCache_HasAPageForEachHostAndProtocol(t *testing.T) {
	const peer = "0.0.0.0" // of a request by app.Test
	app := fiber.New(fiber.Config{EnableTrustedProxyCheck: true, TrustedProxies: []string{peer}})
	app.Use(fibertest.Trace)
	app, _, _ = mountCached(app, minute, httpcache.RouteConfig{}, func(c *fiber.Ctx) error { return c.SendString(c.BaseURL()) })
	for _, test := range []struct{ proto, host, want, cached string }{
		{"http", "a.example", "http://a.example", "stored"},
		{"https", "a.example", "https://a.example", "stored"},
		{"https", "b.example", "https://b.example", "stored"},
		{"https", "B.Example", "https://b.example", "hit"},
		{"http", "a.example", "http://a.example", "hit"},
	} {
		response, body := fibertest.Send(t, app, "GET", "/products/1", "X-Forwarded-Proto", test.proto, "X-Forwarded-Host", test.host)
		if body != test.want || outcome(response) != test.cached {
			t.Errorf("%v: %s, %s", test, body, outcome(response))
		}
	}
}

func TestCache_HasOnePageForAllSpellingsOfAPath(t *testing.T) {
	app := fibertest.New()
	app.Use(request.CanonicalPath)
	app, pages, _ := mountCached(app, minute, httpcache.RouteConfig{Tags: []string{"product:{id}"}}, nil)
	for i, path := range []string{"/products/tea", "/%70roducts/te%61"} {
		if response, _ := fibertest.Send(t, app, "GET", path); (outcome(response) == "hit") != (i > 0) {
			t.Errorf("%s: %s", path, outcome(response))
		}
	}
	_ = pages.Invalidate(t.Context(), "product:tea")
	if response, _ := fibertest.Send(t, app, "GET", "/%70roducts/te%61"); outcome(response) != "stored" {
		t.Error("the page outlives its tag")
	}
}

// markPrivate stands for a guard.
func markPrivate(c *fiber.Ctx) error {
	if c.Get("X-Private") != "" {
		tracing.From(c.UserContext()).MarkPrivate()
	}
	return c.Next()
}

// says returns a handler that sets a field.
func says(name, value string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Set(name, value)
		return nil
	}
}
