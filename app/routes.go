package app

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers"
	"example.com/prefab/handlers/ops"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/middleware"
	"example.com/prefab/middleware/httpcache"
	"example.com/prefab/middleware/request"
	"example.com/prefab/middleware/session"
	"example.com/prefab/middleware/static"

	// region sample
	"example.com/prefab/middleware/compact"
	"example.com/prefab/repositories"
	// endregion
)

const (
	staticRoute = "/static/"
	docsRoute   = "/docs"
)

// routeHandlers are the handlers of all routes.
type routeHandlers struct {
	responses *httpcache.Cache
	common    []any           // handlers in front of every route but the probes
	openAPI   []fiber.Handler // the document, behind Fiber's cache
	docs      []fiber.Handler // the same for people
	docsFiles *static.Files
	apiLimit  fiber.Handler // how often one client may use the API
	// region sample
	compact  fiber.Handler // of lists of products
	products *handlers.Products
	stock    *handlers.Stock
	reviews  *handlers.Reviews
	// endregion
	session  *handlers.Session
	accounts *handlers.Accounts
	tokens   *handlers.Tokens
	pages    *handlers.Pages
	static   *static.Files
	health   *ops.Health
}

// routes lists every route: method, path, guards, handler.
func routes(
	server *fiber.App, started fiber.Handler, guards *middleware.Guards, h routeHandlers,
) {
	user, anybody := guards.RequireUser, guards.FindUser
	signedIn := guards.RequireSession // no token
	sameOrigin := session.SameOrigin  // where a session begins; those that exist are protected on every route
	noQuery := rest.NoQuery
	small := request.BodyLimit(32 << 10) // enough for any text that these routes take
	// region sample
	admin, byID := guards.RequireAdmin, rest.ByID
	cachedList := h.responses.Route(httpcache.RouteConfig{
		Query: handlers.ListQuery, // with ids the answer belongs to too many products
		Tags:  []string{repositories.ProductsTag}, Variant: compact.Variant,
	})
	cachedCount := h.responses.Route(httpcache.RouteConfig{Tags: []string{repositories.ProductCountTag}})
	cachedProduct := h.responses.Route(httpcache.RouteConfig{
		Tags: []string{repositories.ProductTag, repositories.StockTag},
	})
	cachedCatalogue := h.responses.Route(httpcache.RouteConfig{
		Query: handlers.CatalogueQuery, Tags: []string{repositories.ProductsTag, repositories.CategoriesTag},
	})
	// endregion

	server.Get("/health/live", h.health.Live) // balancers ask all the time
	server.Get("/health/ready", h.health.Ready)

	server.Use(h.common...)

	server.Get("/health", h.health.Show)

	server.Get(staticRoute+":file", h.static.Serve) // a page that says that the start is not over needs it
	server.Get("/favicon.ico", h.static.File("icon.svg"))
	server.Get("/robots.txt", h.static.File("robots.txt"))

	server.Use(started) // nothing below is served before the start is over

	server.Get("/openapi.json", h.openAPI...)
	server.Get(docsRoute, h.docs...)
	server.Get(docsRoute+"/:file", h.docsFiles.Serve)

	api := server.Group("/api/v1", h.apiLimit)

	// region sample
	api.Get("/products", cachedList, h.compact, h.products.List)
	api.Get("/products/count", cachedCount, noQuery, h.products.Count)
	api.Get("/products/export", admin, h.products.Export)
	api.Get("/products/:id", cachedProduct, noQuery, byID(h.products.Show))
	api.Post("/products", admin, noQuery, h.products.Create)
	api.Patch("/products/:id", admin, noQuery, byID(h.products.Update))
	api.Delete("/products/:id", admin, noQuery, byID(h.products.Delete))
	api.Put("/products/:id/stock", admin, noQuery, small, byID(h.stock.Update))
	api.Post("/products/:id/reviews", user, noQuery, small, byID(h.reviews.Create))
	// endregion

	api.Post("/session", sameOrigin, noQuery, small, h.session.Create)
	api.Get("/session", user, noQuery, h.session.Show)
	api.Delete("/session", noQuery, h.session.Delete)
	api.Delete("/sessions", signedIn, noQuery, h.accounts.EndSessions)

	api.Post("/account", sameOrigin, noQuery, small, h.accounts.SignUp)
	api.Delete("/account", signedIn, noQuery, small, h.accounts.Delete)
	api.Post("/account/reset", sameOrigin, noQuery, small, h.accounts.RequestReset)
	api.Post("/account/password", sameOrigin, noQuery, small, h.accounts.Complete)
	api.Put("/account/password", signedIn, noQuery, small, h.accounts.ChangePassword)
	api.Post("/account/email", signedIn, noQuery, small, h.accounts.RequestEmail)
	api.Put("/account/email", sameOrigin, anybody, noQuery, small, h.accounts.ConfirmEmail)

	api.Get("/tokens", signedIn, noQuery, h.tokens.List)
	api.Post("/tokens", signedIn, noQuery, small, h.tokens.Create)
	api.Delete("/tokens/:id", signedIn, noQuery, rest.ByID(h.tokens.Delete))

	// region sample
	server.Get("/", cachedCatalogue, anybody, h.pages.Catalogue)
	server.Get("/products/:id", cachedProduct, anybody, byID(h.pages.Product))
	server.Get("/products/:id/reviews", anybody, byID(h.pages.RedirectToProduct))
	server.Post("/products/:id/reviews", user, small, byID(h.pages.Review))
	server.Get("/products/:id/edit", admin, byID(h.pages.Edit))
	server.Post("/products/:id/edit", admin, byID(h.pages.Update))
	server.Get("/products/:id/stock", anybody, byID(h.pages.RedirectToEdit))
	server.Post("/products/:id/stock", admin, small, byID(h.pages.UpdateStock))
	// endregion
	// without sample: server.Get("/", anybody, h.pages.Home)
	server.Get("/login", anybody, h.pages.Login)
	server.Post("/login", sameOrigin, anybody, small, h.pages.SignIn)
	server.Post("/logout", h.pages.SignOut)
	server.Get("/signup", anybody, h.pages.SignUpForm)
	server.Post("/signup", sameOrigin, anybody, small, h.pages.SignUp)
	server.Get("/reset", anybody, h.pages.ResetForm)
	server.Post("/reset", sameOrigin, anybody, small, h.pages.Reset)
	server.Get("/account", signedIn, h.pages.Account)
	server.Post("/account", signedIn, small, h.pages.ChangeAccount)
	server.Get("/account/password", anybody, h.pages.PasswordForm)
	server.Post("/account/password", sameOrigin, anybody, small, h.pages.SetPassword)
	server.Get("/account/email", anybody, h.pages.EmailForm)
	server.Post("/account/email", sameOrigin, anybody, small, h.pages.ConfirmEmail)
	server.Get("/account/tokens", signedIn, h.pages.TokensPage)
	server.Post("/account/tokens", signedIn, small, h.pages.ChangeTokens)

	server.Use(anybody) // what is at no address is told to people by a page, with their name on it

	request.NameRoutes(server)
}
