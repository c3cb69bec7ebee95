package session

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/tracing"
)

// readYourWrites is how long after a write a session reads past the process's memory. An
// invalidation reaches all processes sooner.
const readYourWrites = 5 * time.Second

// Detect marks the answer as private if the request has a session's cookie, without asking
// the storage. After a write it sets a second, short-lived cookie, since processes share no
// memory: while a request has both, it reads past its process's memory. The cookie grants
// nothing; forging it only makes one's own answers slower.
func (s *Sessions) Detect(c *fiber.Ctx) error {
	if !s.HasCookie(c) {
		return c.Next()
	}
	trace := tracing.From(c.UserContext())
	trace.MarkPrivate()
	if trace != nil && c.Cookies(s.written) != "" {
		trace.Fresh = true
	}
	if err := c.Next(); err != nil {
		return err
	}
	if isSafe(c) || c.Response().StatusCode() >= fiber.StatusBadRequest {
		return nil
	}
	c.Cookie(&fiber.Cookie{
		Name:     s.written,
		Value:    "1",
		Path:     "/",
		MaxAge:   int(readYourWrites.Seconds()),
		Secure:   s.secure,
		HTTPOnly: true,
		SameSite: fiber.CookieSameSiteLaxMode,
	})
	return nil
}

// isSafe reports whether the request's method only reads, RFC 9110, section 9.2.1.
func isSafe(c *fiber.Ctx) bool {
	switch c.Method() {
	case fiber.MethodGet, fiber.MethodHead, fiber.MethodOptions, fiber.MethodTrace:
		return true
	}
	return false
}
