package middleware

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/tracing"
)

// ownWriteWindow is how long after a write a session reads past the memory of the
// process that answers: longer than word of the write takes to get to all of them.
const ownWriteWindow = 5 * time.Second

// Recognize looks whether a request comes from a session, without asking the
// storage. The answer to one is personal: no shared cache may keep it, and it is
// not compressed. Who has written a moment ago reads fresh, whichever process
// answers: a cookie that lasts that long says so, since nodes share no memory.
// It proves nothing and opens nothing; who forges it gets a slower answer.
func (s *Sessions) Recognize(c *fiber.Ctx) error {
	if !s.given(c) {
		return c.Next()
	}
	trace := tracing.From(c.UserContext())
	trace.MarkPrivate()
	if trace != nil && c.Cookies(s.wrote) != "" {
		trace.Fresh = true
	}
	if err := c.Next(); err != nil {
		return err
	}
	if isSafe(c) || c.Response().StatusCode() >= fiber.StatusBadRequest {
		return nil
	}
	c.Cookie(&fiber.Cookie{
		Name:     s.wrote,
		Value:    "1",
		Path:     "/",
		MaxAge:   int(ownWriteWindow.Seconds()),
		Secure:   s.secure,
		HTTPOnly: true,
		SameSite: fiber.CookieSameSiteLaxMode,
	})
	return nil
}

// personal reports whether the answer is meant for whoever asked, and nobody else:
// a session, whoever shows credentials, and whom a guard of any kind has found by
// services.WithUser. Without a Trace it is, since these marks have no place.
func personal(c *fiber.Ctx) bool {
	return isOfUser(c) || has(&c.Request().Header, fiber.HeaderAuthorization)
}

// isOfUser is personal but for Authorization.
func isOfUser(c *fiber.Ctx) bool { return tracing.From(c.UserContext()).Private() }

// isSafe reports whether the request's method is one that only reads, RFC 9110, section 9.2.1.
func isSafe(c *fiber.Ctx) bool {
	switch c.Method() {
	case fiber.MethodGet, fiber.MethodHead, fiber.MethodOptions, fiber.MethodTrace:
		return true
	}
	return false
}
