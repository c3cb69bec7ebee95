package app

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers"
	"example.com/prefab/middleware"
)

// routed is everything that has a route.
type routed struct {
	products *handlers.Products
	stock    *handlers.Stock
	reviews  *handlers.Reviews
	session  *handlers.Session
	health   *handlers.Health
}

// routes lists every route: method, path, guards, handler.
func routes(server *fiber.App, started fiber.Handler, sessions *middleware.Sessions, h routed) {
	user, admin := sessions.RequireUser, sessions.RequireAdmin

	server.Get("/health", h.health.Show)
	server.Get("/health/live", h.health.Live)
	server.Get("/health/ready", h.health.Ready)

	server.Use(started) // nothing below is served before the start is over

	server.Get("/openapi.json", handlers.OpenAPI)

	api := server.Group("/api/v1")

	api.Get("/products", h.products.List)
	api.Get("/products/count", h.products.Count)
	api.Get("/products/:id", h.products.Show)
	api.Post("/products", admin, h.products.Create)
	api.Patch("/products/:id", admin, h.products.Update)
	api.Delete("/products/:id", admin, h.products.Delete)
	api.Put("/products/:id/stock", admin, h.stock.Update)
	api.Post("/products/:id/reviews", user, h.reviews.Create)

	api.Post("/session", h.session.Create)
	api.Get("/session", user, h.session.Show)
	api.Delete("/session", h.session.Delete)

	middleware.NameRoutes(server)
}
