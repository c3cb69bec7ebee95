package handlers

import (
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/handlers/web"
	"example.com/prefab/services"
)

// CatalogueQuery are the parameters of a page of the catalogue.
var CatalogueQuery = []string{"after", "category"}

// Catalogue answers GET /.
func (h *Pages) Catalogue(c *fiber.Ctx) error {
	q, err := rest.ReadPageQuery(c, CatalogueQuery...)
	if err != nil {
		return err
	}
	filter, err := productFilter(q)
	if err != nil {
		return err
	}
	filter.Limit = 24
	products, err := h.Products.List(c.UserContext(), filter)
	if err != nil {
		return err
	}
	categories, err := h.Categories.List(c.UserContext())
	if err != nil {
		return err
	}
	title := "All products"
	if filter.CategoryID != 0 {
		title = categoryName(filter.CategoryID, categories, products.Items)
	}
	first, here := catalogueURL(filter.CategoryID, ""), catalogueURL(filter.CategoryID, q["after"])
	next := ""
	if cursor := rest.Position(products.Next).Cursor(); cursor != "" {
		next = catalogueURL(filter.CategoryID, cursor)
	}
	return h.show(c, "catalogue", view{Title: title, Here: here, Page: struct {
		Products    []services.ProductSummary
		Categories  []services.Category
		Category    int64
		IsFirst     bool
		First, Next string
	}{products.Items, categories, filter.CategoryID, here == first, first, next}})
}

// categoryName also searches the products: the list of categories is limited, and may
// be a minute old.
func categoryName(id int64, categories []services.Category, products []services.ProductSummary) string {
	for _, category := range categories {
		if category.ID == id {
			return category.Name
		}
	}
	if len(products) > 0 {
		return products[0].Category.Name
	}
	return "Products"
}

// catalogueURL is the address of a page of the catalogue.
func catalogueURL(category int64, after string) string {
	query := url.Values{}
	if category != 0 {
		query.Set("category", strconv.FormatInt(category, 10))
	}
	if after != "" {
		query.Set("after", after)
	}
	if len(query) == 0 {
		return "/"
	}
	return "/?" + query.Encode()
}

// Product answers GET /products/:id.
func (h *Pages) Product(c *fiber.Ctx, id int64) error {
	return h.showProduct(c, id, web.NewForm())
}

// showProduct shows a product with the form of a review.
func (h *Pages) showProduct(c *fiber.Ctx, id int64, review *web.Form) error {
	product, err := h.Products.Get(c.UserContext(), id)
	if err != nil {
		return err
	}
	reviewed := false
	if user, ok := services.UserFrom(c.UserContext()); ok {
		if reviewed, err = h.Reviews.HasReviewed(c.UserContext(), id, user); err != nil {
			return err
		}
	}
	return h.show(c, "product", view{Title: product.Name, Here: productURL(id), Page: struct {
		Product  services.Product
		Reviewed bool
		Form     *web.Form
	}{product, reviewed, review}})
}

func productURL(id int64) string { return "/products/" + strconv.FormatInt(id, 10) }

// RedirectToProduct answers GET /products/:id/reviews: the address bar shows it after a
// refused form, and a reload asks for it.
func (h *Pages) RedirectToProduct(c *fiber.Ctx, id int64) error {
	return web.SeeOther(c, productURL(id))
}

// Review answers POST /products/:id/reviews.
func (h *Pages) Review(c *fiber.Ctx, id int64) error {
	author, ok := services.UserFrom(c.UserContext())
	if !ok {
		return services.ErrSignInNeeded
	}
	f, err := web.ReadForm(c, "rating", "body")
	if err != nil {
		return err
	}
	review := services.ReviewFields{Rating: f.Number("rating"), Body: f.Text("body")}
	f.Check(review.Validate())
	done, err := f.Submit(c, func() error {
		_, err := h.Reviews.Create(c.UserContext(), id, author, review)
		return err
	})
	switch {
	case err != nil:
		return err
	case !done:
		return h.showProduct(c.Status(f.Status), id, f)
	}
	return web.SeeOther(c, productURL(id)+"?done=review")
}
