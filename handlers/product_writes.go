package handlers

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// Create answers POST /api/v1/products.
func (h *Products) Create(c *fiber.Ctx) error {
	var fields services.ProductFields
	if err := decodeJSON(c, &fields); err != nil {
		return err
	}
	product, err := h.products.Create(c.UserContext(), fields)
	if err != nil {
		return err
	}
	c.Location("/api/v1/products/" + strconv.FormatInt(product.ID, 10))
	return sendVersioned(c.Status(fiber.StatusCreated), product.RowVersion, product)
}

// Update answers PATCH /api/v1/products/:id, a merge patch as in RFC 7396.
func (h *Products) Update(c *fiber.Ctx) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	version, err := ifMatch(c)
	if err != nil {
		return err
	}
	fields, err := decodePatch(c)
	if err != nil {
		return err
	}
	product, err := h.products.Update(c.UserContext(), id, version, fields)
	if err != nil {
		return err
	}
	return sendVersioned(c, product.RowVersion, product)
}

// decodePatch reads a merge patch, in which null asks to remove a field.
func decodePatch(c *fiber.Ctx) (services.ProductFields, error) {
	var fields services.ProductFields
	if err := decodeJSON(c, &fields, "application/merge-patch+json"); err != nil {
		return fields, err
	}
	body, err := readBody(c)
	if err != nil {
		return fields, err
	}
	var members map[string]*json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return fields, badSyntax(err)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch {
		case members[name] != nil:
		case name == "description":
			fields.Description = new("")
		default:
			return fields, problem.InvalidField(name, "cannot be removed")
		}
	}
	return fields, nil
}

// Delete answers DELETE /api/v1/products/:id.
func (h *Products) Delete(c *fiber.Ctx) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	version, err := ifMatch(c)
	if err != nil {
		return err
	}
	if err := h.products.Delete(c.UserContext(), id, version); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}
