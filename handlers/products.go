package handlers

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/handlers/stream"
	"example.com/prefab/services"
	"example.com/prefab/services/export"
	"example.com/prefab/services/problem"
)

// Products serves /api/v1/products.
type Products struct {
	Products *services.Products
	JSON     *rest.JSONCache
	Streams  *stream.Sender // of exports
}

// CompactNames are the short names of a collection's members in the compact form.
var CompactNames = map[string]string{
	"items": "i", "nextCursor": "x", "name": "n", "description": "s", "priceCents": "p", "category": "c",
	"stock": "q", "rating": "r", "average": "a", "count": "o", "reviews": "v", "author": "u", "body": "b",
	"createdAt": "t", "updatedAt": "m",
}

// ListQuery are the parameters of a page of the list whose responses are cached: ids and q
// are no part of them, as anybody can make up any number of these.
var ListQuery = []string{"limit", "after", "category"}

// List answers GET /api/v1/products: a page of summaries, or with ids the
// products asked for.
func (h *Products) List(c *fiber.Ctx) error {
	q, err := rest.ReadQuery(c, append([]string{"ids", "q"}, ListQuery...)...)
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
	page, err := h.Products.List(c.UserContext(), filter)
	if err != nil {
		return err
	}
	return h.JSON.Send(c, 0, productPage{page.Items, rest.Position(page.Next).Cursor()})
}

type productPage struct {
	Items      []services.ProductSummary `json:"items" maxItems:"100"`
	NextCursor string                    `json:"nextCursor,omitempty" doc:"Goes into after; left out on the last page."`
}

type productBatch struct {
	Items []services.Product `json:"items" maxItems:"100"`
}

type productCount struct {
	Active int64 `json:"active" minimum:"0"`
}

// productFilter reads which products are asked for, and after which position.
func productFilter(q rest.Query) (services.ProductFilter, error) {
	category, err := q.ID("category")
	if err != nil {
		return services.ProductFilter{}, err
	}
	if err := problem.CheckLine("q", q["q"], 0, services.MaxSearch); err != nil {
		return services.ProductFilter{}, err
	}
	after, err := q.After()
	return services.ProductFilter{
		CategoryID: category, Name: strings.TrimSpace(q["q"]), After: services.ProductPosition(after),
	}, err
}

func (h *Products) batch(c *fiber.Ctx, q rest.Query) error {
	for _, other := range append([]string{"q"}, ListQuery...) {
		if q[other] != "" {
			return problem.InvalidField(other, "cannot stand beside ids")
		}
	}
	ids, err := q.IDs("ids", services.MaxProductPage)
	if err != nil {
		return err
	}
	products, err := h.Products.Batch(c.UserContext(), ids)
	if err != nil {
		return err
	}
	return c.JSON(productBatch{products})
}

// Count answers GET /api/v1/products/count.
func (h *Products) Count(c *fiber.Ctx) error {
	n, err := h.Products.Count(c.UserContext())
	if err != nil {
		return err
	}
	return c.JSON(productCount{n})
}

// Show answers GET /api/v1/products/:id.
func (h *Products) Show(c *fiber.Ctx, id int64) error {
	product, err := h.Products.Get(c.UserContext(), id)
	if err != nil {
		return err
	}
	return h.JSON.Send(c, product.RowVersion, product)
}

// Create answers POST /api/v1/products.
func (h *Products) Create(c *fiber.Ctx) error {
	var fields services.ProductFields
	if err := rest.DecodeJSON(c, &fields); err != nil {
		return err
	}
	product, err := h.Products.Create(c.UserContext(), fields)
	if err != nil {
		return err
	}
	c.Location("/api/v1/products/" + strconv.FormatInt(product.ID, 10))
	return rest.SendVersioned(c.Status(fiber.StatusCreated), product.RowVersion, product)
}

// Update answers PATCH /api/v1/products/:id, a merge patch as in RFC 7396.
func (h *Products) Update(c *fiber.Ctx, id int64) error {
	version, err := rest.IfMatch(c, services.ErrStaleProduct)
	if err != nil {
		return err
	}
	var fields services.ProductFields
	if err := rest.DecodePatch(c, &fields, "description"); err != nil {
		return err
	}
	product, err := h.Products.Update(c.UserContext(), id, version, fields)
	if err != nil {
		return err
	}
	return rest.SendVersioned(c, product.RowVersion, product)
}

// Delete answers DELETE /api/v1/products/:id.
func (h *Products) Delete(c *fiber.Ctx, id int64) error {
	version, err := rest.IfMatch(c, services.ErrStaleProduct)
	if err != nil {
		return err
	}
	if err := h.Products.Delete(c.UserContext(), id, version); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}

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
	err = h.Streams.Send(c, func(ctx context.Context) stream.Chunks {
		return export.Encode(h.Products.Export(ctx), services.ProductTable, format)
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
