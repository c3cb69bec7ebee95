package app

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware"
)

// What the tests, which stand outside, need of the inside.
var (
	NewLogger = newLogger
	Wire      = wire
	Drive     = serve

	LimitMemory = limitMemory
)

// Routes are the routes of a running service.
func Routes() []fiber.Route {
	server := fiber.New()
	compact := func(map[string]string) fiber.Handler { return func(*fiber.Ctx) error { return nil } }
	pages := middleware.NewCache(middleware.CacheConfig{})
	routes(server, nil, new(middleware.Sessions), pages, routed{compact: compact}) // nothing is called
	return server.GetRoutes(true)
}
