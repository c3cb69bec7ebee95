package handlers

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/openapi"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/services"
)

// Stock serves /api/v1/products/:id/stock.
type Stock struct{ Stock *services.Stock }

// Update answers PUT /api/v1/products/:id/stock.
func (h *Stock) Update(c *fiber.Ctx, id int64) error {
	var body services.StockFields
	if err := rest.DecodeJSON(c, &body); err != nil {
		return err
	}
	if err := body.Validate(); err != nil {
		return err
	}
	if err := h.Stock.Set(c.UserContext(), id, *body.Quantity); err != nil {
		return err
	}
	return c.Status(fiber.StatusAccepted).JSON(body)
}

func stockAPI() openapi.Group {
	about := "How many of each product are there."
	return openapi.Group{Tag: "stock", Description: about, Operations: []openapi.Operation{{
		ID: "setStock", Method: "PUT", Path: "/api/v1/products/{id}/stock", Summary: "Set how many of a product are there",
		Description: "The process that answers shows the quantity at once, others within milliseconds. It is stored a " +
			"little later: no crash of the service loses it. The last write of a product wins. With too many changes waiting " +
			"the answer is 503. The product's ETag changes with its stock, the row version in it does not: an If-Match from " +
			"before still holds.",
		Guard: openapi.Admin, Body: services.StockFields{Quantity: new(int64(12))},
		Status: fiber.StatusAccepted, Answer: services.StockFields{}, Says: "The quantity that was taken.",
	}}}
}
