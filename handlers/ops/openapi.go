package ops

import "github.com/gofiber/fiber/v2"

// Document answers with an OpenAPI document.
func Document(document []byte) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, "no-cache")
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(document)
	}
}
