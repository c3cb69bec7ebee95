package middleware

import (
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/limit"
	"example.com/prefab/services"
)

// Limits limit how often routes are used: by client address, as limit.Limits do, by user or
// by token.
type Limits struct{ *limit.Limits }

// PerUser lets each user make n requests in a period. Mount it behind a guard: requests of
// nobody who is signed in are counted by client address.
func (l Limits) PerUser(name string, n int, period time.Duration, options ...limit.Option) fiber.Handler {
	return l.Per(userOrAddress, name, n, period, options...)
}

// PerToken lets each token make n requests in a period. Requests without a token are counted
// by user, as PerUser does.
func (l Limits) PerToken(name string, n int, period time.Duration, options ...limit.Option) fiber.Handler {
	return l.Per(tokenOrUser, name, n, period, options...)
}

func tokenOrUser(c *fiber.Ctx) string {
	if token, ok := services.TokenFrom(c.UserContext()); ok {
		return "token:" + strconv.FormatInt(token.ID, 10)
	}
	return userOrAddress(c)
}

func userOrAddress(c *fiber.Ctx) string {
	if user, ok := services.UserFrom(c.UserContext()); ok {
		return "user:" + strconv.FormatInt(user.ID, 10)
	}
	return limit.Address(c)
}
