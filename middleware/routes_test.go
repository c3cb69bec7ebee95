package middleware_test

import (
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware"
	"example.com/prefab/services"
	"example.com/prefab/services/tracing"
)

func TestNameRoutes_WritesThePatternBeforeTheHandlersRun(t *testing.T) {
	app, _, _ := newApp()
	atGuard, atEnd := "", ""
	route := func(c *fiber.Ctx) string { return tracing.From(c.UserContext()).Route }
	app.Use(middleware.Trace(time.Minute, nil), func(c *fiber.Ctx) error {
		err := c.Next()
		atEnd = route(c) // as the access log reads it
		return err
	})
	guard := func(c *fiber.Ctx) error {
		atGuard = route(c)
		return c.Next()
	}
	app.Use("/", func(c *fiber.Ctx) error { return c.Next() }) // beside Get("/")
	app.Get("/", guard, ok)
	api := app.Group("/api")
	api.Use("/things", func(c *fiber.Ctx) error { return c.Next() }) // beside Get("/things")
	api.Get("/things", guard, ok)
	api.Get("/things/count", guard, ok)
	api.Get("/things/:id", guard, ok)
	api.Put("/things/:id", guard, ok)
	api.All("/any/*", guard, ok)
	app.Get("/fails", guard, func(*fiber.Ctx) error { return services.ErrNoProduct })
	middleware.NameRoutes(app)

	for _, c := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/", 200, "GET /"},
		{"HEAD", "/", 200, "HEAD /"},
		{"GET", "/api/things", 200, "GET /api/things"},
		{"GET", "/api/things/count", 200, "GET /api/things/count"},
		{"GET", "/api/things/7?q=1", 200, "GET /api/things/:id"},
		{"HEAD", "/api/things/7", 200, "HEAD /api/things/:id"},
		{"PUT", "/api/things/7", 200, "PUT /api/things/:id"},
		{"DELETE", "/api/any/thing/at/all", 200, "DELETE /api/any/*"},
		{"GET", "/fails", 404, "GET /fails"},
		{"GET", "/nowhere", 404, ""},
		{"POST", "/", 405, ""},
		{"DELETE", "/api/things/7", 405, ""},
	} {
		atGuard, atEnd = "", ""
		response, _ := send(t, app, c.method, c.path)
		if response.StatusCode != c.status || atGuard != c.want || atEnd != c.want {
			t.Errorf("%s %s: status %d, %q at the guard and %q at the end, want %d and %q",
				c.method, c.path, response.StatusCode, atGuard, atEnd, c.status, c.want)
		}
	}
}

func TestNameRoutes_DoesWithoutATrace(t *testing.T) {
	app, _, _ := newApp()
	app.Get("/", ok)
	middleware.NameRoutes(app)
	if response, body := send(t, app, "GET", "/"); response.StatusCode != 200 || body != "ok" {
		t.Errorf("status %d, %s", response.StatusCode, body)
	}
}

func TestTrace_GivesEachRequestAnIDOfItsOwnAndADeadline(t *testing.T) {
	app, _, _ := newApp()
	seen := map[string]bool{}
	app.Use(middleware.Trace(time.Minute, nil))
	app.Get("/", func(c *fiber.Ctx) error {
		_, bounded := c.UserContext().Deadline()
		id := tracing.From(c.UserContext()).ID
		if !bounded || seen[id] || len(id) < 20 || string(c.Response().Header.Peek(fiber.HeaderXRequestID)) != id {
			t.Errorf("id %q, deadline %v", id, bounded)
		}
		seen[id] = true
		return nil
	})
	for range 3 {
		response, _ := send(t, app, "GET", "/", fiber.HeaderXRequestID, "of-the-client")
		if id := response.Header.Get(fiber.HeaderXRequestID); !seen[id] || seen["of-the-client"] {
			t.Errorf("the answer's id is %q", id)
		}
	}
}
