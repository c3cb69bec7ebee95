package handlers

import (
	"strconv"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/services"
)

// Create answers POST /api/v1/products.
func (h *Products) Create(c *fiber.Ctx) error {
	var fields services.ProductFields
	if err := rest.DecodeJSON(c, &fields); err != nil {
		return err
	}
	product, err := h.products.Create(c.UserContext(), fields)
	if err != nil {
		return err
	}
	c.Location("/api/v1/products/" + strconv.FormatInt(product.ID, 10))
	return rest.SendVersioned(c.Status(fiber.StatusCreated), product.RowVersion, product)
}

// Update answers PATCH /api/v1/products/:id, a merge patch as in RFC 7396.
func (h *Products) Update(c *fiber.Ctx) error {
	id, err := rest.PathID(c, "id")
	if err != nil {
		return err
	}
	version, err := rest.IfMatch(c, services.ErrStaleProduct)
	if err != nil {
		return err
	}
	var fields services.ProductFields
	if err := rest.DecodePatch(c, &fields, "description"); err != nil {
		return err
	}
	product, err := h.products.Update(c.UserContext(), id, version, fields)
	if err != nil {
		return err
	}
	return rest.SendVersioned(c, product.RowVersion, product)
}

// Delete answers DELETE /api/v1/products/:id.
func (h *Products) Delete(c *fiber.Ctx) error {
	id, err := rest.PathID(c, "id")
	if err != nil {
		return err
	}
	version, err := rest.IfMatch(c, services.ErrStaleProduct)
	if err != nil {
		return err
	}
	if err := h.products.Delete(c.UserContext(), id, version); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}
