package handlers

import (
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
)

// Pages serves HTML: what the API serves, for people. Its forms work without
// scripts: they post, and are answered with a redirect, or shown again with what is
// wrong in them. The templates are Fiber's Views.
type Pages struct {
	Products   *services.Products
	Categories *services.Categories
	Stock      *services.Stock
	Reviews    *services.Reviews
	Session    *Session
	Uncached   bool // somebody works on the templates, and wants to see it
}

// view is what every template gets.
type view struct {
	Title  string
	User   *services.User // nil: a visitor
	Here   string         // the page's address, to come back to after a sign-in; "": nobody is asked to
	Notice string         // of what was done a moment ago
	Page   any
}

func (h *Pages) show(c *fiber.Ctx, template string, v view) error {
	q, err := pageQuery(c, "done")
	if err != nil {
		return err
	}
	v.Notice = notices[q["done"]]
	if h.Uncached && c.Response().StatusCode() == fiber.StatusOK {
		c.Set(fiber.HeaderCacheControl, "no-cache")
	}
	return render(c, template, v)
}

func render(c *fiber.Ctx, template string, v view) error {
	if user, ok := services.UserFrom(c.UserContext()); ok {
		v.User = &user
	}
	c.Response().ResetBody()
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	// Not c.Render: the first of them race for the list of Fiber's mounted apps. What
	// a template has written when it fails, the error replaces.
	return c.App().Config().Views.Render(c.Response().BodyWriter(), template, v)
}

const cataloguePage = 24

// CatalogueQuery are the parameters of a page of the catalogue.
var CatalogueQuery = []string{"after", "category"}

// Catalogue answers GET /.
func (h *Pages) Catalogue(c *fiber.Ctx) error {
	q, err := pageQuery(c, CatalogueQuery...)
	if err != nil {
		return err
	}
	filter, err := productFilter(q, cataloguePage)
	if err != nil {
		return err
	}
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
	if cursor := encodeCursor(products.Next); cursor != "" {
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

// categoryName looks among the products too: the list of categories has a bound, and
// may be a minute old.
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
func (h *Pages) Product(c *fiber.Ctx) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	return h.showProduct(c, id, newForm())
}

// showProduct shows a product with the form of a review.
func (h *Pages) showProduct(c *fiber.Ctx, id int64, review *form) error {
	product, err := h.Products.Get(c.UserContext(), id)
	if err != nil {
		return err
	}
	reviewed := false
	if user, ok := services.UserFrom(c.UserContext()); ok {
		if reviewed, err = h.Reviews.Done(c.UserContext(), id, user); err != nil {
			return err
		}
	}
	return h.show(c, "product", view{Title: product.Name, Here: productURL(id), Page: struct {
		Product  services.Product
		Reviewed bool
		Form     *form
	}{product, reviewed, review}})
}

func productURL(id int64) string { return "/products/" + strconv.FormatInt(id, 10) }

// ToProduct answers GET /products/:id/reviews, the address of a review's form that was
// refused, for who asks for it once more.
func (h *Pages) ToProduct(c *fiber.Ctx) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	return seeOther(c, productURL(id))
}

// Review answers POST /products/:id/reviews.
func (h *Pages) Review(c *fiber.Ctx) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	author, ok := services.UserFrom(c.UserContext())
	if !ok {
		return services.ErrSignInNeeded
	}
	f, err := readForm(c, "rating", "body")
	if err != nil {
		return err
	}
	review := services.ReviewFields{Rating: f.number("rating"), Body: f.text("body")}
	f.check(review.Validate())
	done, err := f.submit(c, func() error {
		_, err := h.Reviews.Create(c.UserContext(), id, author, review)
		return err
	})
	switch {
	case err != nil:
		return err
	case !done:
		return h.showProduct(c.Status(f.status), id, f)
	}
	return seeOther(c, productURL(id)+"?done=review")
}

// notices tell what has been done, by the word that a redirect carries.
var notices = map[string]string{
	"review":  "Thank you for your review.",
	"product": "The product is saved.",
	"stock":   "The stock is saved.",
}

// seeOther leads from what was posted to a page to look at, so that to reload does
// not post again.
func seeOther(c *fiber.Ctx, path string) error { return c.Redirect(path, fiber.StatusSeeOther) }
