package handlers

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/services"
)

// Reviews serves /api/v1/products/:id/reviews.
type Reviews struct{ reviews *services.Reviews }

// NewReviews returns the handlers of reviews.
func NewReviews(reviews *services.Reviews) *Reviews { return &Reviews{reviews: reviews} }

// Create answers POST /api/v1/products/:id/reviews.
func (h *Reviews) Create(c *fiber.Ctx) error {
	id, err := rest.PathID(c, "id")
	if err != nil {
		return err
	}
	author, ok := services.UserFrom(c.UserContext())
	if !ok {
		return services.ErrSignInNeeded
	}
	var fields services.ReviewFields
	if err := rest.DecodeJSON(c, &fields); err != nil {
		return err
	}
	review, err := h.reviews.Create(c.UserContext(), id, author, fields)
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(review)
}
