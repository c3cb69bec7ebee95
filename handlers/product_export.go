package handlers

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/handlers/stream"
	"example.com/prefab/services"
	"example.com/prefab/services/export"
	"example.com/prefab/services/problem"
)

// Export answers GET /api/v1/products/export: all products as a file.
func (h *Products) Export(c *fiber.Ctx) error {
	q, err := rest.ReadQuery(c, "format")
	if err != nil {
		return err
	}
	format, ok := export.ParseFormat(q["format"])
	if !ok {
		return problem.InvalidField("format", "must be json, ndjson or csv")
	}
	err = h.streams.Send(c, func(ctx context.Context) stream.Chunks {
		return export.Encode(h.products.Export(ctx), services.ProductTable, format)
	})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, format.ContentType())
	c.Set(fiber.HeaderContentDisposition,
		`attachment; filename="products-`+time.Now().UTC().Format(time.DateOnly)+"."+string(format)+`"`)
	c.Set(fiber.HeaderCacheControl, "private, no-store")
	return nil
}
