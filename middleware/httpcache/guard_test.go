package httpcache_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/httpcache"
	"example.com/prefab/middleware/negotiate"
	"example.com/prefab/services/tracing"
)

// A header may come in several lines, the first of them empty.
func TestCache_SeesHeadersBehindEmptyLines(t *testing.T) {
	for name, value := range map[string]string{
		"Authorization": "Bearer t", "Cookie": "a=b", "Range": "bytes=0-1", "If-Match": `"x"`, "Cache-Control": "no-store",
	} {
		app, pages, _ := cachedApp(minute, httpcache.RouteConfig{}, nil)
		request := httptest.NewRequest("GET", "/products/1", nil)
		request.Header[name] = []string{"", value}
		response, err := app.Test(request, -1)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if stored, _ := pages.stored(); stored > 0 || outcome(response) == "stored" {
			t.Errorf("%s: %q, and %d pages are kept", name, response.Header.Get("Cache-Status"), stored)
		}
	}
}

// Guards that know users by other means than a session or Authorization, before
// the cache or behind it.
func TestCache_KeepsNothingOfAUserWhomAnyGuardHasFound(t *testing.T) {
	guard := func(c *fiber.Ctx) error {
		if name := c.Get("X-Api-Key"); name != "" {
			tracing.From(c.UserContext()).MarkPrivate() // as services.WithUser does
		}
		return c.Next()
	}
	secret := func(c *fiber.Ctx) error {
		return c.SendString("for " + c.Get("X-Api-Key"))
	}
	for place, mount := range map[string]func(app *fiber.App, cached fiber.Handler){
		"before": func(app *fiber.App, cached fiber.Handler) { app.Get("/", guard, cached, secret) },
		"behind": func(app *fiber.App, cached fiber.Handler) { app.Get("/", cached, guard, secret) },
	} {
		app := fibertest.New()
		app.Use(negotiate.ConditionalRequests)
		mount(app, httpcache.New(httpcache.Config{TTL: minute.TTL, Store: newPages()}).Route(httpcache.RouteConfig{}))
		for _, name := range []string{"alice", "bob"} {
			response, body := fibertest.Send(t, app, "GET", "/", "X-Api-Key", name)
			if body != "for "+name || response.Header.Get("Cache-Control") != "private, no-store" {
				t.Errorf("a guard %s the cache: %s gets %q, %v", place, name, body, response.Header)
			}
		}
	}
}

func TestCache_OfTwoOnlyTheOuterOneIsActive(t *testing.T) {
	app := fibertest.New()
	pages, h := newPages(), new(counted)
	cached := httpcache.New(httpcache.Config{TTL: minute.TTL, Store: pages}).Route(httpcache.RouteConfig{})
	app.Group("/products", cached).Get("/:id", cached, h.Handle)
	for range 2 {
		response, body := fibertest.Send(t, app, "GET", "/products/1")
		if body != "answer 1" || len(response.Header["Cache-Status"]) != 1 {
			t.Errorf("%q with %q", body, response.Header["Cache-Status"])
		}
	}
	if asked := pages.finds; asked != 2 {
		t.Errorf("the pages were asked %d times for 2 requests", asked)
	}
}

// A monitor's HEAD must not let a crowd through to the handler.
func TestCache_AHeadLetsOthersStillWaitForEachOther(t *testing.T) {
	var stored []string
	app, pages, _ := cachedApp(minute, httpcache.RouteConfig{}, nil)
	pages.onStore = func(page *httpcache.Page, untried bool) {
		switch {
		case page != nil:
			stored = append(stored, "page")
		case untried:
			stored = append(stored, "untried")
		default:
			stored = append(stored, "pass")
		}
	}
	fibertest.Send(t, app, "HEAD", "/products/1")
	fibertest.Send(t, app, "GET", "/products/1")
	if got := strings.Join(stored, " "); got != "untried page" {
		t.Errorf("the pages were told: %s", got)
	}
}

func TestCache_MarksStaleAnswersOnEveryWay(t *testing.T) {
	app, _, _ := cachedApp(minute, httpcache.RouteConfig{}, func(c *fiber.Ctx) error {
		tracing.From(c.UserContext()).MarkStale()
		return nil
	})
	for _, header := range [][]string{{}, {"Cookie", "a=b"}, {"Cache-Control", "no-cache"}} {
		response, _ := fibertest.Send(t, app, "GET", "/products/1", header...)
		if status := response.Header.Get("Cache-Status"); !strings.HasSuffix(status, "; detail=stale") {
			t.Errorf("with %q: %q", header, status)
		}
	}
}
