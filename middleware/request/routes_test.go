package request_test

import (
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/request"
	"example.com/prefab/services/tracing"
)

func TestNameRoutes_WritesThePatternBeforeTheHandlersRun(t *testing.T) {
	app := fibertest.New()
	atGuard, atEnd := "", ""
	route := func(c *fiber.Ctx) string { return tracing.From(c.UserContext()).Route }
	app.Use(request.Trace(time.Minute, nil), func(c *fiber.Ctx) error {
		err := c.Next()
		atEnd = route(c) // as the access log reads it
		return err
	})
	guard := func(c *fiber.Ctx) error {
		atGuard = route(c)
		return c.Next()
	}
	app.Use("/", func(c *fiber.Ctx) error { return c.Next() }) // beside Get("/")
	app.Get("/", guard, fibertest.OK)
	api := app.Group("/api")
	api.Use("/things", func(c *fiber.Ctx) error { return c.Next() }) // beside Get("/things")
	api.Get("/things", guard, fibertest.OK)
	api.Get("/things/:id", guard, fibertest.OK)
	api.All("/any/*", guard, fibertest.OK)
	app.Get("/fails", guard, func(*fiber.Ctx) error { return fiber.ErrNotFound })
	request.NameRoutes(app)

	for _, c := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/", 200, "GET /"},
		{"GET", "/api/things", 200, "GET /api/things"},
		{"GET", "/api/things/7?q=1", 200, "GET /api/things/:id"},
		{"HEAD", "/api/things/7", 200, "HEAD /api/things/:id"},
		{"DELETE", "/api/any/thing/at/all", 200, "DELETE /api/any/*"},
		{"GET", "/fails", 404, "GET /fails"},
		{"GET", "/nowhere", 404, ""},
		{"POST", "/", 405, ""},
		{"DELETE", "/api/things/7", 405, ""},
	} {
		atGuard, atEnd = "", ""
		response, _ := fibertest.Send(t, app, c.method, c.path)
		if response.StatusCode != c.status || atGuard != c.want || atEnd != c.want {
			t.Errorf("%s %s: status %d, %q at the guard and %q at the end, want %d and %q",
				c.method, c.path, response.StatusCode, atGuard, atEnd, c.status, c.want)
		}
	}
}
