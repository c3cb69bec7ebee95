package middleware

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
)

// Started answers 503 until the process has started.
func Started(health *services.Health) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if health.State() == services.Starting {
			return services.ErrUnavailable
		}
		return c.Next()
	}
}
