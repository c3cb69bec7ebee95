package middleware

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/tracing"
)

// NameRoutes makes every route of app write its name, "GET /products/:id", into
// the request's Trace before its handlers run: logs and metrics go by the
// pattern, since paths have no bound. Call it after the last route.
func NameRoutes(app *fiber.App) {
	// Only GetRoutes tells middleware from routes, and only Stack gives what can
	// be changed; that both hold the same handlers links the two.
	isRoute := make(map[*fiber.Handler]bool)
	for _, r := range app.GetRoutes(true) {
		isRoute[&r.Handlers[0]] = true
	}
	for _, routes := range app.Stack() {
		for _, r := range routes {
			if len(r.Handlers) > 0 && isRoute[&r.Handlers[0]] {
				r.Handlers = slices.Insert(slices.Clone(r.Handlers), 0, setRoute(r.Method+" "+r.Path))
			}
		}
	}
}

func setRoute(name string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if t := tracing.From(c.UserContext()); t != nil {
			t.Route = name
		}
		return c.Next()
	}
}
