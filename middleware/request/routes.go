package request

import (
	"slices"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/health"
	"example.com/prefab/services/problem"
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
			if len(r.Handlers) == 0 || !isRoute[&r.Handlers[0]] {
				continue
			}
			name := r.Method + " " + r.Path
			r.Handlers = slices.Insert(slices.Clone(r.Handlers), 0, func(c *fiber.Ctx) error {
				tracing.From(c.UserContext()).SetRoute(&name)
				return c.Next()
			})
		}
	}
}

// Methods answers 405 if routes have exactly the request's path, but none of them has its
// method. Fiber would go on to a route with a parameter: DELETE /products/count would
// delete the product "count", and Allow would list the methods of that route too. Mount
// Methods before the routes, and add no route after the first request.
func Methods() fiber.Handler {
	var once sync.Once
	var methods map[string][]string
	return func(c *fiber.Ctx) error {
		once.Do(func() { methods = ambiguousPaths(c.App()) })
		allowed := methods[c.Path()]
		if len(allowed) == 0 || slices.Contains(allowed, c.Method()) {
			return c.Next()
		}
		c.Set(fiber.HeaderAllow, strings.Join(allowed, ", "))
		return fiber.ErrMethodNotAllowed
	}
}

// ambiguousPaths returns the methods of every fixed path that a route with a parameter
// matches too.
func ambiguousPaths(app *fiber.App) map[string][]string {
	isPattern := func(r fiber.Route) bool { return strings.ContainsAny(r.Path, ":*+") }
	methods := make(map[string][]string)
	routes := app.GetRoutes(true)
	for _, r := range routes {
		if !isPattern(r) && slices.ContainsFunc(routes, func(other fiber.Route) bool {
			return isPattern(other) && fiber.RoutePatternMatch(r.Path, other.Path, app.Config())
		}) {
			methods[r.Path] = append(methods[r.Path], r.Method)
		}
	}
	return methods
}

// RequireStarted answers 503 until the process has started.
func RequireStarted(process *health.Monitor) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if process.State() == health.Starting {
			return problem.ErrUnavailable
		}
		return c.Next()
	}
}
