package server

import (
	"cmp"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/app/console"
	"example.com/prefab/services/tracing"
)

// slowCall is how long a request is handled until the console shows it, if
// SLOW_REQUEST_THRESHOLD is 0.
const slowCall = time.Second

// follow lets the console find the request by its connection. The server's handler in NewApp
// ends that.
func follow(c *fiber.Ctx) error {
	if conn, ok := c.Context().Conn().(*connection); ok {
		conn.trace.Store(tracing.From(c.UserContext()))
	}
	return c.Next()
}

// slow returns the requests that have been handled for longer, the oldest first. It leaves
// out streams, such as exports, whose handler has ended but whose body is still being sent.
func (l *connections) slow(longer time.Duration) (calls []console.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		if t := conn.trace.Load(); t != nil && time.Since(t.Start) >= longer {
			calls = append(calls, console.Call{
				ID: t.ID, Route: cmp.Or(t.RouteNow(), "other"), Since: t.Start.UTC(), SQL: t.Queries(),
			})
		}
	}
	slices.SortFunc(calls, func(a, b console.Call) int { return a.Since.Compare(b.Since) })
	return calls
}
