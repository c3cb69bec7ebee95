package middleware

import (
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// onFinished makes a handler of Fiber's run on a response that is finished
// already. Fiber's cache and compress run the rest of the chain themselves and
// leave no room for a look at what it answered; run this way they get an empty
// chain, and a request's own chain is driven by its caller.
func onFinished(handler fiber.Handler) fasthttp.RequestHandler {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(handler, func(*fiber.Ctx) error { return nil })
	return app.Handler()
}
