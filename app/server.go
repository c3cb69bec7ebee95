package app

import (
	"log/slog"
	"sync/atomic"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/handlers"
)

// newServer returns a Fiber app without routes, whose pages are those of views and
// whose every limit is set: Fiber leaves the timeouts infinite. Once closing is set,
// each answer is the last one of its connection.
func newServer(cfg Config, views fiber.Views, closing *atomic.Bool, log *slog.Logger) *fiber.App {
	var proxies []string // in the form that Fiber compares
	for _, prefix := range cfg.proxies {
		proxies = append(proxies, prefix.Masked().String())
	}
	server := fiber.New(fiber.Config{
		DisableStartupMessage:        true,
		Views:                        views,
		ErrorHandler:                 handlers.ErrorHandler(log),
		CaseSensitive:                true,
		StrictRouting:                true, // one address for one thing, which caches rely on
		UnescapePath:                 true, // middleware.CanonicalPath has refused what this must not decode
		BodyLimit:                    cfg.BodyLimit,
		ReadBufferSize:               cfg.HeaderLimit,
		DisablePreParseMultipartForm: true,
		ReadTimeout:                  cfg.ReadTimeout,
		WriteTimeout:                 cfg.WriteTimeout,
		IdleTimeout:                  cfg.IdleTimeout,
		Concurrency:                  cfg.MaxConnections,
		EnableTrustedProxyCheck:      true, // else anybody's X-Forwarded-Proto is believed
		TrustedProxies:               proxies,
	})
	// Answers sent while draining tell the client to open its next connection elsewhere.
	server.Server().CloseOnShutdown = true
	// Fiber answers a method that it does not know before any error handler is asked.
	known := make(map[string]bool)
	for _, method := range server.Config().RequestMethods {
		known[method] = true
	}
	next := server.Server().Handler
	server.Server().Handler = func(request *fasthttp.RequestCtx) {
		defer func() {
			if closing.Load() {
				request.SetConnectionClose()
			}
		}()
		if c, ok := request.Conn().(*connection); ok && c.isClosed() {
			return // nobody would get the answer
		}
		if known[string(request.Method())] {
			next(request)
			return
		}
		c := server.AcquireCtx(request)
		defer server.ReleaseCtx(c)
		if err := server.ErrorHandler(c, fiber.ErrNotImplemented); err != nil {
			request.SetStatusCode(fiber.StatusNotImplemented)
		}
	}
	return server
}
