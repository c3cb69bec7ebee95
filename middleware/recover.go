package middleware

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"
)

// Recover turns a handler's panic into an error, and logs where it came from.
func Recover(log *slog.Logger) fiber.Handler {
	return recover.New(recover.Config{
		EnableStackTrace: true,
		StackTraceHandler: func(c *fiber.Ctx, reason any) {
			log.ErrorContext(c.UserContext(), "panic", "reason", fmt.Sprint(reason), "stack", string(debug.Stack()))
		},
	})
}
