package server

import (
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/handlers/dev"
	"example.com/prefab/middleware/request"
)

// writeBuffer is what one system call takes of an answer: with the default of 4 KiB, a
// page of 50 summaries takes two. Each open connection may hold that much.
const writeBuffer = 8 << 10

// NewApp returns a Fiber app whose only handlers are those that every request passes:
// security headers, trace with deadline, metrics, access log, CORS, recovery from panics
// and one spelling of the path. It sets every limit: Fiber's timeouts are infinite. While the
// process drains, each answer closes its connection.
func (p *Process) NewApp(views fiber.Views, onError fiber.ErrorHandler) *fiber.App {
	s := p.Settings
	var develop *dev.Tools // nil: not in development
	if s.Env == Development {
		develop = dev.New()
		views, onError = develop.Views(views), develop.ErrorHandler(onError)
	}
	var proxies []string // in the form that Fiber compares
	for _, prefix := range s.TrustedProxies {
		proxies = append(proxies, prefix.Masked().String())
	}
	app := fiber.New(fiber.Config{
		DisableStartupMessage:        true,
		Views:                        views,
		ErrorHandler:                 onError,
		CaseSensitive:                true,
		StrictRouting:                true, // one address for one thing, which caches rely on
		UnescapePath:                 true, // request.CanonicalPath has refused what this must not decode
		BodyLimit:                    s.BodyLimit,
		StreamRequestBody:            true, // without regard to BodyLimit: request.Bodies enforces it
		ReadBufferSize:               s.HeaderLimit,
		WriteBufferSize:              writeBuffer,
		DisablePreParseMultipartForm: true,
		ReadTimeout:                  s.ReadTimeout,
		WriteTimeout:                 s.WriteTimeout,
		IdleTimeout:                  s.IdleTimeout,
		Concurrency:                  s.MaxConnections,
		EnableTrustedProxyCheck:      true, // else anybody's X-Forwarded-Proto is believed
		TrustedProxies:               proxies,
	})
	// Fiber answers a method that it does not know before any error handler is asked.
	methods := app.Config().RequestMethods
	next, bodies := app.Server().Handler, request.NewBodies(s.BodyLimit, s.BodyBudget)
	refuse := func(request *fasthttp.RequestCtx, err error) {
		c := app.AcquireCtx(request)
		defer app.ReleaseCtx(c)
		if app.ErrorHandler(c, err) != nil {
			request.SetStatusCode(fiber.StatusInternalServerError)
		}
	}
	serve := func(request *fasthttp.RequestCtx) (unread bool) {
		if !slices.Contains(methods, string(request.Method())) {
			refuse(request, fiber.ErrNotImplemented)
			return true
		}
		release, err := bodies.Limit(request)
		if err != nil {
			request.SetUserValue(refusalKey{}, err) // so that the answer gets the headers of CORS
			next(request)
			return true
		}
		next(request)
		return release()
	}
	app.Server().Handler = func(request *fasthttp.RequestCtx) {
		unread := serve(request)
		if c, ok := request.Conn().(*connection); ok { // not in tests
			c.unread.Store(unread)
			c.trace.Store(nil)
		}
		if p.closing.Load() { // the client opens its next connection elsewhere
			request.SetConnectionClose()
		}
	}
	app.Use(request.SecurityHeaders())
	if develop != nil {
		app.Use(dev.Prefix, develop.Serve) // not in the access log: each page asks twice a second
	}
	app.Use(request.Trace(s.RequestTimeout, request.Proxies(s.TrustedProxies)))
	if develop != nil {
		app.Use(develop.Record) // outside of the access log, which turns errors into answers
	}
	if p.spans != nil {
		app.Use(request.Spans(p.spans))
	}
	app.Use(
		follow,
		request.Metrics(p.Metrics),
		request.AccessLog(p.Log, s.SlowRequestThreshold),
		request.CORS(s.CORSOrigins),
		refused,
		request.Recover(),
		request.CanonicalPath,
	)
	return app
}

type refusalKey struct{}

// refused answers a request that was refused before Fiber saw it.
func refused(c *fiber.Ctx) error {
	if err, ok := c.Context().UserValue(refusalKey{}).(error); ok {
		return err
	}
	return c.Next()
}
