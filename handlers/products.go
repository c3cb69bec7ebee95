// Package handlers turns HTTP into calls of services, and their answers and
// errors into HTTP.
package handlers

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/handlers/stream"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// Products serves /api/v1/products.
type Products struct {
	products *services.Products
	json     *rest.JSONCache
	streams  *stream.Sender
}

// NewProducts returns the handlers of the catalogue; exports are sent by streams.
func NewProducts(products *services.Products, json *rest.JSONCache, streams *stream.Sender) *Products {
	return &Products{products: products, json: json, streams: streams}
}

// CompactNames are the short names of a collection's members in the compact form.
var CompactNames = map[string]string{
	"items": "i", "nextCursor": "x", "name": "n", "description": "s", "priceCents": "p", "category": "c",
	"stock": "q", "rating": "r", "average": "a", "count": "o", "reviews": "v", "author": "u", "body": "b",
	"createdAt": "t", "updatedAt": "m",
}

// ListQuery are the parameters of a page of the list.
var ListQuery = []string{"limit", "after", "category"}

// List answers GET /api/v1/products: a page of summaries, or with ids the
// products asked for.
func (h *Products) List(c *fiber.Ctx) error {
	q, err := rest.ReadQuery(c, append([]string{"ids"}, ListQuery...)...)
	if err != nil {
		return err
	}
	if _, ok := q["ids"]; ok {
		return h.batch(c, q)
	}
	filter, err := productFilter(q)
	if err != nil {
		return err
	}
	if filter.Limit, err = q.Limit(20, services.MaxProductPage); err != nil {
		return err
	}
	page, err := h.products.List(c.UserContext(), filter)
	if err != nil {
		return err
	}
	return h.json.Send(c, 0, struct {
		Items      []services.ProductSummary `json:"items"`
		NextCursor string                    `json:"nextCursor,omitempty"`
	}{page.Items, rest.Position(page.Next).Cursor()})
}

// productFilter reads of which category and after which position products are asked for.
func productFilter(q rest.Query) (services.ProductFilter, error) {
	category, err := q.ID("category")
	if err != nil {
		return services.ProductFilter{}, err
	}
	after, err := q.After()
	return services.ProductFilter{CategoryID: category, After: services.ProductPosition(after)}, err
}

func (h *Products) batch(c *fiber.Ctx, q rest.Query) error {
	for _, other := range ListQuery {
		if q[other] != "" {
			return problem.InvalidField(other, "cannot stand beside ids")
		}
	}
	ids, err := q.IDs("ids", services.MaxProductPage)
	if err != nil {
		return err
	}
	products, err := h.products.Batch(c.UserContext(), ids)
	if err != nil {
		return err
	}
	return c.JSON(struct {
		Items []services.Product `json:"items"`
	}{products})
}

// Count answers GET /api/v1/products/count.
func (h *Products) Count(c *fiber.Ctx) error {
	n, err := h.products.Count(c.UserContext())
	if err != nil {
		return err
	}
	return c.JSON(struct {
		Active int64 `json:"active"`
	}{n})
}

// Show answers GET /api/v1/products/:id.
func (h *Products) Show(c *fiber.Ctx) error {
	id, err := rest.PathID(c, "id")
	if err != nil {
		return err
	}
	product, err := h.products.Get(c.UserContext(), id)
	if err != nil {
		return err
	}
	return h.json.Send(c, product.RowVersion, product)
}
