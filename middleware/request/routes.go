package request

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/tracing"
)

// NameRoutes makes every route of app write its name, "GET /products/:id", into the
// request's Trace before its handlers run. Logs and metrics use the name, since the number
// of paths is unbounded. Call it after the last route.
func NameRoutes(app *fiber.App) {
	// Only GetRoutes tells routes from middleware, and only Stack gives routes that can be
	// changed. Both share the slices of handlers.
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
