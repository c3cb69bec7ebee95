package app

import (
	"context"
	"io"
	"log/slog"
	"net"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/app/server"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/middleware"
	"example.com/prefab/middleware/httpcache"
)

// CookieSuffix is what the cookies of this checkout end with.
func CookieSuffix() string { return new(server.Process).CookieSuffix() }

// Serve runs one process of the service on the listener. The database has been prepared.
func Serve(ctx context.Context, cfg Config, listener net.Listener, log *slog.Logger) error {
	return server.Serve(ctx, options(cfg, log), listener)
}

// ErrorFormat is the form of errors.
func ErrorFormat() rest.ErrorFormat { return errorFormat() }

// ServeErrors is Serve with another form of errors.
func ServeErrors(ctx context.Context, cfg Config, listener net.Listener, log *slog.Logger, format rest.ErrorFormat) error {
	o := options(cfg, log)
	o.Build = func(p *server.Process) (*server.Service, error) { return build(cfg, p, openCache(cfg, p), format) }
	return server.Serve(ctx, o, listener)
}

// NewLogger is the program's logger, which writes every line within a moment. An out that
// has Flushes is given what writes them at once.
func NewLogger(cfg Config, out io.Writer) *slog.Logger {
	log, flush := server.NewLogger(cfg.Settings, out)
	if out, ok := out.(interface{ Flushes(flush func()) }); ok {
		out.Flushes(flush)
	}
	return log
}

// Routes are the routes of a running service.
func Routes() []fiber.Route {
	app := fiber.New()
	nothing := func(*fiber.Ctx) error { return nil }
	responses := httpcache.New(httpcache.Config{})
	routes(app, nil, new(middleware.Guards), routeHandlers{
		responses: responses, common: []any{nothing}, openAPI: []fiber.Handler{nothing},
		docs: []fiber.Handler{nothing}, apiLimit: nothing,
	})
	return app.GetRoutes(true)
}
