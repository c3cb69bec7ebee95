package app

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers"
	"example.com/prefab/middleware"
	"example.com/prefab/repositories"
)

// routed is everything that has a route.
type routed struct {
	compact  func(names map[string]string) fiber.Handler
	products *handlers.Products
	stock    *handlers.Stock
	reviews  *handlers.Reviews
	session  *handlers.Session
	health   *handlers.Health
}

// routes lists every route: method, path, guards, handler.
func routes(
	server *fiber.App, started fiber.Handler, sessions *middleware.Sessions, pages *middleware.Cache, h routed,
) {
	user, admin := sessions.RequireUser, sessions.RequireAdmin
	list := pages.Route(middleware.CacheRoute{
		Query: []string{"limit", "after", "category"}, // with ids the answer belongs to too many products
		Tags:  []string{repositories.ProductsTag},
	})
	count := pages.Route(middleware.CacheRoute{Tags: []string{repositories.ProductCountTag}})
	product := pages.Route(middleware.CacheRoute{Tags: []string{repositories.ProductTag, repositories.StockTag}})

	server.Get("/health", h.health.Show)
	server.Get("/health/live", h.health.Live)
	server.Get("/health/ready", h.health.Ready)

	server.Use(started) // nothing below is served before the start is over

	server.Get("/openapi.json", handlers.OpenAPI)

	api := server.Group("/api/v1")

	api.Get("/products", list, h.compact(handlers.ProductNames), h.products.List)
	api.Get("/products/count", count, h.products.Count)
	api.Get("/products/export", admin, h.products.Export)
	api.Get("/products/:id", product, h.products.Show)
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
