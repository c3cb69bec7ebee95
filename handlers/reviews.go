package handlers

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/openapi"
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

func reviewsAPI() openapi.Group {
	return openapi.Group{Tag: "reviews", Description: "What users think of products.", Operations: []openapi.Operation{{
		ID: "createReview", Method: "POST", Path: "/api/v1/products/{id}/reviews", Summary: "Review a product, once",
		Guard: openapi.User, Body: services.ReviewFields{Rating: new(int64(5)), Body: new("Lights the whole desk.")},
		Answer: services.Review{}, Errors: map[int]string{409: "The user has reviewed this product already."},
	}}}
}
