package handlers

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// Stock serves /api/v1/products/:id/stock.
type Stock struct{ Stock *services.Stock }

// Update answers PUT /api/v1/products/:id/stock.
func (h *Stock) Update(c *fiber.Ctx, id int64) error {
	var body struct {
		Quantity *int64 `json:"quantity"`
	}
	if err := rest.DecodeJSON(c, &body); err != nil {
		return err
	}
	if body.Quantity == nil {
		return problem.InvalidField("quantity", "is required")
	}
	if err := h.Stock.Set(c.UserContext(), id, *body.Quantity); err != nil {
		return err
	}
	return c.Status(fiber.StatusAccepted).JSON(body)
}
