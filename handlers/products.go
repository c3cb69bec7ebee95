// Package handlers turns HTTP into calls of services, and their answers and
// errors into HTTP.
package handlers

import (
	"strconv"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// Products serves /api/v1/products.
type Products struct {
	products *services.Products
	encoded  *Encoded
	streams  *Streams
}

// NewProducts returns the handlers of the catalogue; exports are sent by streams.
func NewProducts(products *services.Products, encoded *Encoded, streams *Streams) *Products {
	return &Products{products: products, encoded: encoded, streams: streams}
}

const defaultPage = 20

// ProductNames are the short names of a collection's members in the compact form.
var ProductNames = map[string]string{
	"items": "i", "nextCursor": "x", "name": "n", "description": "s", "priceCents": "p", "category": "c",
	"stock": "q", "rating": "r", "average": "a", "count": "o", "reviews": "v", "author": "u", "body": "b",
	"createdAt": "t", "updatedAt": "m",
}

// ListQuery are the parameters of a page of the list.
var ListQuery = []string{"limit", "after", "category"}

// List answers GET /api/v1/products: a page of summaries, or with ids the
// products asked for.
func (h *Products) List(c *fiber.Ctx) error {
	q, err := readQuery(c, append([]string{"ids"}, ListQuery...)...)
	if err != nil {
		return err
	}
	if _, ok := q["ids"]; ok {
		return h.batch(c, q)
	}
	filter, err := productFilter(q, defaultPage)
	if err != nil {
		return err
	}
	if limit := q["limit"]; limit != "" {
		n, ok := parseID(limit) // a whole number from 1 on, too
		if !ok || n > services.MaxProductPage {
			return problem.InvalidField("limit", "must be from 1 to "+strconv.Itoa(services.MaxProductPage))
		}
		filter.Limit = int(n)
	}
	page, err := h.products.List(c.UserContext(), filter)
	if err != nil {
		return err
	}
	return h.encoded.send(c, 0, struct {
		Items      []services.ProductSummary `json:"items"`
		NextCursor string                    `json:"nextCursor,omitempty"`
	}{page.Items, encodeCursor(page.Next)})
}

// productFilter reads which products are asked for: of which category, and after
// which one.
func productFilter(q query, limit int) (services.ProductFilter, error) {
	filter := services.ProductFilter{Limit: limit}
	if category := q["category"]; category != "" {
		id, ok := parseID(category)
		if !ok {
			return filter, problem.InvalidField("category", positiveID)
		}
		filter.CategoryID = id
	}
	if after := q["after"]; after != "" {
		position, ok := decodeCursor(after)
		if !ok {
			return filter, problem.InvalidField("after", "must be the nextCursor of an earlier page")
		}
		filter.After = position
	}
	return filter, nil
}

func (h *Products) batch(c *fiber.Ctx, q query) error {
	for _, other := range ListQuery {
		if q[other] != "" {
			return problem.InvalidField(other, "cannot stand beside ids")
		}
	}
	ids, err := parseIDs("ids", q["ids"], services.MaxProductPage)
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
	id, err := pathID(c)
	if err != nil {
		return err
	}
	product, err := h.products.Get(c.UserContext(), id)
	if err != nil {
		return err
	}
	return h.encoded.send(c, product.RowVersion, product)
}
