package middleware

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/health"
	"example.com/prefab/services/problem"
)

// Started answers 503 until the process has started.
func Started(process *health.Monitor) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if process.State() == health.Starting {
			return problem.ErrUnavailable
		}
		return c.Next()
	}
}
