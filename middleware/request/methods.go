package request

import (
	"slices"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
)

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
	methods := make(map[string][]string)
	routes := app.GetRoutes(true)
	for _, r := range routes {
		if isPattern(r.Path) {
			continue
		}
		if slices.ContainsFunc(routes, func(other fiber.Route) bool {
			return isPattern(other.Path) && fiber.RoutePatternMatch(r.Path, other.Path, app.Config())
		}) {
			methods[r.Path] = append(methods[r.Path], r.Method)
		}
	}
	return methods
}

func isPattern(path string) bool { return strings.ContainsAny(path, ":*+") }
