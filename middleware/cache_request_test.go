package middleware_test

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware"
)

func TestCache_LeavesRequestsToTheHandlerThatAreOneClientsOwn(t *testing.T) {
	sessions := middleware.NewSessions(middleware.SessionConfig{TTL: time.Hour}, nil)
	long := strings.Repeat("x", 1100)
	for _, test := range []struct {
		what, status string
		target       string
		headers      []string
	}{
		{"nothing special", "hit", "", nil},
		{"an ignored cookie", "hit", "", []string{"Cookie", "analytics=1"}},
		{"declared parameters in another order", "hit", "?b=2&a=1", nil},
		{"declared parameters, escaped otherwise", "hit", "?%61=%31&b=2", nil},
		{"an unknown directive", "hit", "", []string{"Cache-Control", `max-stale=5, x="no, thing"`}},
		{"an old enough limit", "hit", "", []string{"Cache-Control", "max-age=30, min-fresh=30"}},
		{"only what is cached", "hit", "", []string{"Cache-Control", "only-if-cached"}},
		{"Pragma beside Cache-Control", "hit", "", []string{"Pragma", "no-cache", "Cache-Control", "max-age=30"}},
		{"a host in capitals", "hit", "", []string{"Host", "EXAMPLE.COM"}},

		{"Authorization", "fwd=bypass; detail=authorization", "", []string{"Authorization", "Bearer 1"}},
		{"a session", "fwd=bypass; detail=session", "", []string{"Cookie", "session=" + strings.Repeat("A", 26)}},
		{"a cookie", "fwd=bypass; detail=cookie", "", []string{"Cookie", "theme=dark"}},
		{"a cookie behind an ignored one", "fwd=bypass; detail=cookie", "", []string{"Cookie", "analytics=1; theme=dark"}},
		{"a cookie in another line", "fwd=bypass; detail=cookie", "", []string{"Cookie", "analytics=1", "Cookie", "theme=dark"}},
		{"a cookie without a name", "fwd=bypass; detail=cookie", "", []string{"Cookie", "dark"}},
		{"an ignored name in capitals", "fwd=bypass; detail=cookie", "", []string{"Cookie", "ANALYTICS=1"}},
		{"Range", "fwd=bypass; detail=range", "", []string{"Range", "bytes=0-1"}},
		{"If-Match", "fwd=bypass; detail=precondition", "", []string{"If-Match", `"1"`}},
		{"an undeclared parameter", "fwd=bypass; detail=query", "?a=1&b=2&c=3", nil},
		{"a parameter twice", "fwd=bypass; detail=query", "?a=1&b=2&b=2", nil},
		{"a name in capitals", "fwd=bypass; detail=query", "?A=1&b=2", nil},
		{"a long key", "fwd=bypass; detail=key-length", "?a=" + long, nil},
		{"a long tag", "fwd=bypass; detail=tag", "x" + long[:200], nil},
		{"no-cache", "fwd=request", "", []string{"Cache-Control", "no-cache"}},
		{"no-cache with a field", "fwd=request", "", []string{"Cache-Control", `no-cache="x"`}},
		{"no-store", "fwd=request", "", []string{"Cache-Control", "max-age=5, No-Store"}},
		{"no-store in another line", "fwd=request", "", []string{"Cache-Control", "max-age=5", "Cache-Control", "no-store"}},
		{"Pragma", "fwd=request", "", []string{"Pragma", "No-Cache"}},
		{"max-age=0", "fwd=request", "", []string{"Cache-Control", "max-age=0"}},
		{"a malformed max-age", "fwd=request", "", []string{"Cache-Control", "max-age=x"}},
		{"min-fresh beyond the page's time", "fwd=request", "", []string{"Cache-Control", "min-fresh=3600"}},
		{"an unclosed quote", "fwd=request", "", []string{"Cache-Control", `x="`}},
		{"a path in capitals", "fwd=uri-miss; stored", "/X", nil},
		{"a path with a slash at its end", "fwd=uri-miss; stored", "/", nil},
		{"another host", "fwd=uri-miss; stored", "", []string{"Host", "example.org"}},
		{"another value", "fwd=uri-miss; stored", "?a=1&b=3", nil},
		{"an empty value", "fwd=uri-miss; stored", "?a=1&b=", nil},
		{"a value that looks like two", "fwd=uri-miss; stored", "?a=1%3fb=2", nil},
	} {
		app, _, _ := newApp()
		app.Use(trace, sessions.Recognize)
		cfg := middleware.CacheConfig{TTL: time.Minute, IgnoredCookies: []string{"analytics"}}
		pages, h := newPages(), &counted{}
		cfg.Pages = pages
		cached := middleware.NewCache(cfg).Route(middleware.CacheRoute{Query: []string{"b", "a"}, Tags: []string{"thing:{id}"}})
		for _, path := range []string{"/things/:id", "/things/:id/", "/things/:id/X"} {
			app.Get(path, cached, h.Handle)
		}
		const warm = "/things/1?a=1&b=2"
		send(t, app, "GET", warm)
		target := "/things/1" + test.target
		if !strings.Contains(target, "?") {
			target += "?a=1&b=2"
		}
		response, body := sendTo(t, app, "GET", target, test.headers...)
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
		if _, body := send(t, app, "GET", warm); body != "answer 1" {
			t.Errorf("%s: the page is %q now", test.what, body)
		}
	}
}

func TestCache_TellsHostsAndSchemesApartAsATrustedProxyNamesThem(t *testing.T) {
	const peer = "0.0.0.0" // of a request by app.Test
	app := fiber.New(fiber.Config{EnableTrustedProxyCheck: true, TrustedProxies: []string{peer}})
	app, _, _ = mountCached(app, minute, middleware.CacheRoute{}, func(c *fiber.Ctx) error { return c.SendString(c.BaseURL()) })
	for _, test := range []struct{ proto, host, want, cached string }{
		{"http", "a.example", "http://a.example", "stored"},
		{"https", "a.example", "https://a.example", "stored"},
		{"https", "b.example", "https://b.example", "stored"},
		{"https", "B.Example", "https://b.example", "hit"},
		{"http", "a.example", "http://a.example", "hit"},
	} {
		response, body := send(t, app, "GET", "/products/1", "X-Forwarded-Proto", test.proto, "X-Forwarded-Host", test.host)
		if body != test.want || outcome(response) != test.cached {
			t.Errorf("%v: %s, %s", test, body, outcome(response))
		}
	}
}

func TestCache_WithoutTheParameterOfATagIsLeftOut(t *testing.T) {
	app, pages, _ := cachedApp(minute, middleware.CacheRoute{Tags: []string{"product:{ID}"}}, nil)
	response, _ := send(t, app, "GET", "/products/1")
	if stored, _ := pages.stored(); stored != 0 || response.Header.Get("Cache-Status") != "prefab; fwd=bypass; detail=tag" {
		t.Errorf("%d pages, %q", stored, response.Header.Get("Cache-Status"))
	}
}

func TestCache_LeavesRequestsWithABodyToTheHandler(t *testing.T) {
	app, pages, _ := cachedApp(minute, middleware.CacheRoute{}, func(c *fiber.Ctx) error { return c.Send(c.Body()) })
	for _, body := range []string{"one", "two"} {
		request := httptest.NewRequest("GET", "/products/1", strings.NewReader(body))
		response, err := app.Test(request, -1)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(response.Body)
		if status := response.Header.Get("Cache-Status"); string(got) != body || status != "prefab; fwd=bypass; detail=body" {
			t.Errorf("%q: got %q, %s", body, got, status)
		}
	}
	if stored, pending := pages.stored(); stored+pending != 0 {
		t.Errorf("%d pages are kept, %d unfinished", stored, pending)
	}
}

func TestCache_AsksTheHandlerForWhatIsTooOld(t *testing.T) {
	app, pages, _ := cachedApp(minute, middleware.CacheRoute{}, nil)
	send(t, app, "GET", "/products/1")
	for _, entry := range pages.pages {
		entry.page.Stored -= int64(10 * time.Second)
	}
	for directive, want := range map[string]string{
		"max-age=11": "hit", "max-age=9": "forwarded", "min-fresh=40": "hit", "min-fresh=51": "forwarded",
	} {
		response, _ := send(t, app, "GET", "/products/1", "Cache-Control", directive)
		if got := outcome(response); got != want {
			t.Errorf("%s: %s, want %s", directive, got, want)
		}
	}
	if response, _ := send(t, app, "GET", "/products/1"); response.Header.Get("Age") != "10" {
		t.Errorf("Age %q", response.Header.Get("Age"))
	}
}

func TestCache_AnswersOnlyIfCachedItself(t *testing.T) {
	app, pages, h := cachedApp(minute, middleware.CacheRoute{}, nil)
	for _, headers := range [][]string{
		{"Cache-Control", "only-if-cached"},
		{"Cache-Control", "only-if-cached, no-cache"},
		{"Cache-Control", "only-if-cached", "Authorization", "Bearer 1"},
	} {
		response, _ := send(t, app, "GET", "/products/1", headers...)
		status := response.Header.Get("Cache-Status")
		if response.StatusCode != fiber.StatusGatewayTimeout || h.calls.Load() != 0 || status != "" {
			t.Errorf("%v: status %d, %q, %d calls", headers, response.StatusCode, status, h.calls.Load())
		}
	}
	if stored, pending := pages.stored(); stored+pending != 0 {
		t.Errorf("%d pages, %d unfinished", stored, pending)
	}
}

// TestCache_NeverGivesOneUsersAnswerToAnother has two users ask for the same in
// every way in which an answer can be one's own. Each must get what the handler
// made for them.
func TestCache_NeverGivesOneUsersAnswerToAnother(t *testing.T) {
	session := func(user string) string { return "session=" + strings.Repeat(user, 26) }
	for _, test := range []struct {
		what    string
		request func(user string) []string // header lines
		answer  func(c *fiber.Ctx)
	}{
		{what: "Authorization", request: func(u string) []string { return []string{"Authorization", "Bearer " + u} }},
		{what: "session", request: func(u string) []string { return []string{"Cookie", session(u)} }},
		{what: "other cookie", request: func(u string) []string { return []string{"Cookie", "user=" + u} }},
		{what: "Range", request: func(u string) []string { return []string{"Range", "bytes=" + u} }},
		{what: "Set-Cookie", answer: func(c *fiber.Ctx) { c.Cookie(&fiber.Cookie{Name: "user", Value: "1"}) }},
		{what: "private", answer: says("Cache-Control", "private, max-age=60")},
		{what: "private fields", answer: says("Cache-Control", `max-age=60, private="x-user"`)},
		{what: "no-store", answer: says("Cache-Control", "no-store, max-age=60")},
		{what: "no-cache", answer: says("Cache-Control", "max-age=60, no-cache")},
		{what: "Vary: Cookie", answer: says("Vary", "Cookie")},
		{what: "Vary: *", answer: says("Vary", "*")},
		{what: "Vary: X-User", answer: says("Vary", "Accept-Encoding, X-User")},
		{what: "Vary: Accept", answer: says("Vary", "Accept")},
		{what: "Vary: Authorization", answer: says("Vary", "authorization")},
	} {
		sessions := middleware.NewSessions(middleware.SessionConfig{TTL: time.Hour}, nil)
		app, _, _ := newApp()
		app.Use(trace, sessions.Recognize, middleware.Validators)
		app, pages, _ := mountCached(app, minute, middleware.CacheRoute{}, func(c *fiber.Ctx) error {
			if test.answer != nil {
				test.answer(c)
			}
			c.Set("For", c.Get("X-User"))
			return c.SendString("for " + c.Get("X-User"))
		})
		for range 2 {
			for _, user := range []string{"A", "B"} {
				headers := []string{"X-User", user}
				if test.request != nil {
					headers = append(headers, test.request(user)...)
				}
				response, body := send(t, app, "GET", "/products/1", headers...)
				if body != "for "+user || response.Header.Get("For") != user || outcome(response) != "forwarded" {
					t.Errorf("%s: %s got %q, header %q, %s", test.what, user, body, response.Header.Get("For"), outcome(response))
				}
			}
		}
		if stored, pending := pages.stored(); stored+pending != 0 {
			t.Errorf("%s: %d pages are kept, %d unfinished", test.what, stored, pending)
		}
	}
}

func says(name, value string) func(*fiber.Ctx) {
	return func(c *fiber.Ctx) { c.Response().Header.Add(name, value) }
}
