package request

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/health"
	"example.com/prefab/services/problem"
)

// RequireStarted answers 503 until the process has started.
func RequireStarted(process *health.Monitor) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if process.State() == health.Starting {
			return problem.ErrUnavailable
		}
		return c.Next()
	}
}
