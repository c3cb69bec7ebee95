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
)

// Routes are the routes of a running service.
func Routes() []fiber.Route {
	server := fiber.New()
	routes(server, nil, new(middleware.Sessions), routed{}) // nothing is called
	return server.GetRoutes(true)
}
