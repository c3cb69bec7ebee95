package handlers

import (
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/openapi"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/handlers/web"
	"example.com/prefab/services"
)

// CatalogueQuery are the parameters of a page of the catalogue that is cached: q, the search,
// is none of them, as anybody can make up any number of searches.
var CatalogueQuery = []string{"after", "category"}

// catalogue is what the page of the catalogue shows.
type catalogue struct {
	Products                    []services.ProductSummary
	Categories                  []services.Category
	Category                    int64
	Search                      string
	First, Previous, Next, Here string
}

// Catalogue answers GET /.
func (h *Pages) Catalogue(c *fiber.Ctx) error {
	q, err := rest.ReadPageQuery(c, append([]string{"q"}, CatalogueQuery...)...)
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
	previous, err := h.Products.Previous(c.UserContext(), filter)
	if err != nil {
		return err
	}
	categories, err := h.Categories.List(c.UserContext())
	if err != nil {
		return err
	}
	page := catalogue{
		Products: products.Items, Categories: categories, Category: filter.CategoryID, Search: filter.Name,
		First: catalogueURL(filter, services.ProductPosition{}), Here: catalogueURL(filter, filter.After),
		Previous: catalogueURL(filter, previous),
	}
	if products.Next != (services.ProductPosition{}) {
		page.Next = catalogueURL(filter, products.Next)
	}
	return h.show(c, "catalogue", view{Title: page.title(), Here: page.Here, Page: page})
}

func (p catalogue) title() string {
	title := "All products"
	if p.Category != 0 {
		title = categoryName(p.Category, p.Categories, p.Products)
	}
	if p.Search != "" {
		title += ": “" + p.Search + "”"
	}
	return title
}

// Place says in words which part of the list the page shows.
func (p catalogue) Place() string {
	n := strconv.Itoa(len(p.Products)) + " products"
	if len(p.Products) == 1 {
		n = "1 product"
	}
	switch first := p.Here == p.First; {
	case first && p.Next == "":
		return n
	case first:
		return "The newest " + n
	case p.Next == "":
		return "The oldest " + n
	default:
		return "The next " + n
	}
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

// catalogueURL is the address of the page that begins after a position.
func catalogueURL(filter services.ProductFilter, after services.ProductPosition) string {
	query := url.Values{}
	if filter.CategoryID != 0 {
		query.Set("category", strconv.FormatInt(filter.CategoryID, 10))
	}
	if filter.Name != "" {
		query.Set("q", filter.Name)
	}
	if cursor := rest.Position(after).Cursor(); cursor != "" {
		query.Set("after", cursor)
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

func cataloguePagesAPI() openapi.Group {
	const product = "/products/{id}"
	return openapi.Group{Tag: "pages", Operations: []openapi.Operation{
		{
			ID: "showCatalogue", Method: "GET", Path: "/", Summary: "The catalogue", Answer: openapi.Page{}, Cached: true,
			Params: []openapi.Param{openapi.ID("category", "Only products of this category."), openapi.After(), searchParam()},
		},
		{
			ID: "showProductPage", Method: "GET", Path: product, Answer: openapi.Page{}, Cached: true,
			Summary: "A product, with the form of a review for who is signed in",
		},
		{
			ID: "reloadReview", Method: "GET", Path: product + "/reviews", Summary: "Go to the product, after a form that " +
				"was refused",
			Answer: openapi.Page{}, Status: fiber.StatusSeeOther, Never: []int{404},
		},
		{
			ID: "postReview", Method: "POST", Path: product + "/reviews", Summary: "Review a product, once", Guard: openapi.User,
			Form: []string{"rating=^ *0*[1-5] *$", "body"}, Answer: openapi.Page{}, Errors: map[int]string{409: ""},
		},
		{
			ID: "showEditPage", Method: "GET", Path: product + "/edit", Summary: "The forms of a product and of its stock",
			Description: "A browser in which nobody is signed in is led to `/login`.",
			Guard:       openapi.Admin, Answer: openapi.Page{},
		},
		{
			ID: "postProduct", Method: "POST", Path: product + "/edit", Summary: "Change a product", Guard: openapi.Admin,
			Description: "412 if it has changed since the form was made.",
			Answer:      openapi.Page{}, Errors: map[int]string{412: ""},
			Form: []string{
				"version=^[1-9][0-9]*$", "name", "price=^ *[0-9]+([.][0-9]{1,2})? *$", "categoryId=^ *[0-9]+ *$", "description?",
			},
		},
		{
			ID: "reloadStock", Method: "GET", Path: product + "/stock", Summary: "Go to the form, after one that was refused",
			Answer: openapi.Page{}, Status: fiber.StatusSeeOther, Never: []int{404},
		},
		{
			ID: "postStock", Method: "POST", Path: product + "/stock", Summary: "Set the stock of a product",
			Guard: openapi.Admin, Form: []string{"quantity=^ *-?[0-9]+ *$"}, Answer: openapi.Page{},
		},
	}}
}
