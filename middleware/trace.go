// Package middleware stands around the handlers: Fiber's own middleware set up
// for Prefab, and what Fiber lacks.
package middleware

import (
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"example.com/prefab/services/tracing"
)

const headerRequestID = "X-Request-Id" // as it is sent

// Trace begins a request: it gives it an id, which is also the X-Request-Id of
// the answer, and a context that carries the tracing.Trace and ends after
// timeout. A client's own X-Request-Id is not believed.
func Trace(timeout time.Duration, proxies Proxies) fiber.Handler {
	return func(c *fiber.Ctx) error {
		now := time.Now()
		ctx := &requestContext{
			deadline: now.Add(timeout),
			trace:    tracing.Trace{ID: tracing.NewID(), Start: now, Address: proxies.ClientAddress(c)},
		}
		ctx.Context = tracing.With(c.UserContext(), &ctx.trace)
		defer ctx.end()
		setHeader(&c.Response().Header, headerRequestID, utils.UnsafeBytes(ctx.trace.ID))
		c.SetUserContext(ctx)
		return c.Next()
	}
}
