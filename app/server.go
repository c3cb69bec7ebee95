package app

import (
	"log/slog"
	"sync/atomic"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/handlers"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/middleware/request"
)

// writeBuffer is what one system call takes of an answer: with the default of 4 KiB, a
// page of 50 summaries takes two. Each open connection may hold that much.
const writeBuffer = 8 << 10

// newServer returns a Fiber app without routes, whose pages are those of views and
// whose every limit is set: Fiber leaves the timeouts infinite. Once closing is set,
// each answer is the last one of its connection.
func newServer(cfg Config, views fiber.Views, closing *atomic.Bool, log *slog.Logger) *fiber.App {
	var proxies []string // in the form that Fiber compares
	for _, prefix := range cfg.TrustedProxies {
		proxies = append(proxies, prefix.Masked().String())
	}
	server := fiber.New(fiber.Config{
		DisableStartupMessage:        true,
		Views:                        views,
		ErrorHandler:                 rest.ErrorHandler(log, handlers.ProblemPage()),
		CaseSensitive:                true,
		StrictRouting:                true, // one address for one thing, which caches rely on
		UnescapePath:                 true, // request.CanonicalPath has refused what this must not decode
		BodyLimit:                    cfg.BodyLimit,
		StreamRequestBody:            true, // without regard to BodyLimit: request.Bodies enforces it
		ReadBufferSize:               cfg.HeaderLimit,
		WriteBufferSize:              writeBuffer,
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
	next, bodies := server.Server().Handler, request.NewBodies(cfg.BodyLimit, cfg.BodyBudget)
	refuse := func(request *fasthttp.RequestCtx, err error) {
		c := server.AcquireCtx(request)
		defer server.ReleaseCtx(c)
		if server.ErrorHandler(c, err) != nil {
			request.SetStatusCode(fiber.StatusInternalServerError)
		}
	}
	serve := func(request *fasthttp.RequestCtx) (unread bool) {
		if !known[string(request.Method())] {
			refuse(request, fiber.ErrNotImplemented)
			return true
		}
		release, err := bodies.Limit(request)
		if err != nil {
			refuse(request, err)
			return true
		}
		next(request)
		return release()
	}
	server.Server().Handler = func(request *fasthttp.RequestCtx) {
		c, _ := request.Conn().(*connection) // nil in tests
		if c != nil && c.isClosed() {
			return // nobody would get the answer
		}
		unread := serve(request)
		if c != nil {
			c.unread.Store(unread)
		}
		if closing.Load() {
			request.SetConnectionClose()
		}
	}
	return server
}
