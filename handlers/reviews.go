package handlers

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/services"
)

// Reviews serves /api/v1/products/:id/reviews.
type Reviews struct{ Reviews *services.Reviews }

// Create answers POST /api/v1/products/:id/reviews.
func (h *Reviews) Create(c *fiber.Ctx, id int64) error {
	author, ok := services.UserFrom(c.UserContext())
	if !ok {
		return services.ErrSignInNeeded
	}
	var fields services.ReviewFields
	if err := rest.DecodeJSON(c, &fields); err != nil {
		return err
	}
	review, err := h.Reviews.Create(c.UserContext(), id, author, fields)
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(review)
}
