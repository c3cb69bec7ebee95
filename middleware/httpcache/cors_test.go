package httpcache_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/httpcache"
	"example.com/prefab/middleware/request"
)

const (
	shop  = "https://shop.example"
	other = "https://other.example"
)

func TestRoute_StoresNoOriginsHeadersForAnother(t *testing.T) {
	app := fibertest.New()
	app.Use(request.CORS([]string{shop, "https://blog.example"}))
	_, pages, _ := mountCached(app, httpcache.Config{TTL: time.Hour}, httpcache.RouteConfig{}, func(c *fiber.Ctx) error {
		c.Vary(fiber.HeaderAcceptEncoding)
		return nil
	})
	for i, origin := range []string{shop, other, "", "https://blog.example", shop} {
		response, body := fibertest.Send(t, app, "GET", "/products/1", "Origin", origin)
		allowed := origin
		if origin == other {
			allowed = ""
		}
		if got := response.Header.Get("Access-Control-Allow-Origin"); got != allowed || body != "answer 1" {
			t.Errorf("request %d of %q: %s, allowed is %q", i, origin, body, got)
		}
		if vary := response.Header.Get("Vary"); !strings.Contains(vary, "Origin") || !strings.Contains(vary, "Accept-Encoding") {
			t.Errorf("request %d of %q: Vary: %s", i, origin, vary)
		}
	}
	for _, entry := range pages.pages {
		for name, lines := range entry.page.Fields {
			if strings.HasPrefix(name, "Access-Control") || name == "Vary" && strings.Contains(lines[0], "Origin") {
				t.Errorf("%s: %s is stored", name, lines)
			}
		}
	}
}

func TestRoute_DoesNotStoreWhatDependsOnTheOrigin(t *testing.T) {
	for what, outside := range map[string]fiber.Handler{
		"with CORS":    request.CORS([]string{shop}),
		"without CORS": request.CORS(nil),
		"with another header outside": func(c *fiber.Ctx) error {
			c.Vary(fiber.HeaderOrigin, fiber.HeaderAcceptLanguage)
			return c.Next()
		},
	} {
		app := fibertest.New()
		app.Use(outside)
		_, pages, _ := mountCached(app, httpcache.Config{TTL: time.Hour}, httpcache.RouteConfig{}, func(c *fiber.Ctx) error {
			c.Vary(fiber.HeaderOrigin)
			return c.SendString("hello " + c.Get("Origin"))
		})
		fibertest.Send(t, app, "GET", "/products/1", "Origin", shop)
		if stored, _ := pages.stored(); stored > 0 {
			t.Errorf("%s: the answer is stored", what)
		}
	}
}
