package middleware

import (
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// onFinished makes a handler of Fiber's run on a response that is finished
// already. Fiber's compress runs the rest of the chain itself and leaves no room
// for a look at what it answered; run this way it gets an empty chain, and a
// request's own chain is driven by its caller.
func onFinished(handler fiber.Handler) fasthttp.RequestHandler {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(handler, func(*fiber.Ctx) error { return nil })
	return app.Handler()
}
