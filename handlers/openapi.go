package handlers

import (
	"bytes"
	_ "embed"

	"github.com/gofiber/fiber/v2"
)

//go:embed openapi.json
var openAPI []byte

// OpenAPI answers with the contract of every route, OpenAPI 3.1, with the name that the
// session's cookie has.
func OpenAPI(cookie string) fiber.Handler {
	document := bytes.ReplaceAll(openAPI, []byte("__Host-session"), []byte(cookie))
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, "no-cache")
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(document)
	}
}
