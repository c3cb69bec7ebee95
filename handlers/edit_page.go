package handlers

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/handlers/web"
	"example.com/prefab/services"
)

// Edit answers GET /products/:id/edit.
func (h *Pages) Edit(c *fiber.Ctx, id int64) error { return h.edit(c, id, nil, nil) }

// edit shows a product's two forms: a refused one as it was filled in, or, where nil,
// with the stored values.
func (h *Pages) edit(c *fiber.Ctx, id int64, details, stock *web.Form) error {
	product, err := h.Products.Get(c.UserContext(), id)
	if err != nil {
		return err
	}
	categories, err := h.Categories.List(c.UserContext())
	if err != nil {
		return err
	}
	isOwn := func(c services.Category) bool { return c.ID == product.Category.ID }
	if !slices.ContainsFunc(categories, isOwn) { // otherwise the form would select the first one
		categories = append(slices.Clone(categories), product.Category)
	}
	page := struct {
		Product        services.Product
		Version        int64
		Price          string
		Categories     []services.Category
		Details, Stock *web.Form
		Changed        bool // another user has saved since the form was shown
	}{Product: product, Version: product.RowVersion, Categories: categories, Details: details, Stock: stock}
	page.Price = fmt.Sprintf("%d.%02d", product.PriceCents/100, product.PriceCents%100)
	if details == nil {
		page.Details = web.NewForm("name", product.Name, "price", page.Price,
			"categoryId", strconv.FormatInt(product.Category.ID, 10), "description", product.Description)
	} else {
		// The page now shows what the other user saved, so saving again may overwrite it.
		page.Changed = details.Status == fiber.StatusPreconditionFailed
		if !page.Changed {
			page.Version, _ = strconv.ParseInt(details.Value("version"), 10, 64)
		}
	}
	if stock == nil {
		page.Stock = web.NewForm("quantity", strconv.FormatInt(product.Stock, 10))
	}
	return h.show(c, "edit", view{Title: "Edit " + product.Name, Here: editURL(id), Page: page})
}

func editURL(id int64) string { return productURL(id) + "/edit" }

// Update answers POST /products/:id/edit.
func (h *Pages) Update(c *fiber.Ctx, id int64) error {
	f, err := web.ReadForm(c, "version", "name", "price", "categoryId", "description")
	if err != nil {
		return err
	}
	version, ok := rest.ParseID(f.Value("version")) // without it, another user's changes would be lost
	if !ok {
		return web.ErrBadForm
	}
	fields := services.ProductFields{
		Name: f.Text("name"), Description: f.Text("description"),
		PriceCents: f.Cents("price", services.MaxPriceCents), CategoryID: f.Number("categoryId"),
	}
	f.Require("price", "categoryId") // an absent field would be left as it is
	f.Check(fields.Validate())
	done, err := f.Submit(c, func() error {
		_, err := h.Products.Update(c.UserContext(), id, version, fields)
		return err
	})
	switch {
	case err != nil:
		return err
	case !done:
		return h.edit(c.Status(f.Status), id, f, nil)
	}
	return web.SeeOther(c, productURL(id)+"?done=product")
}

// RedirectToEdit answers GET /products/:id/stock: the address bar shows it after a
// refused form, and a reload asks for it.
func (h *Pages) RedirectToEdit(c *fiber.Ctx, id int64) error { return web.SeeOther(c, editURL(id)) }

// UpdateStock answers POST /products/:id/stock.
func (h *Pages) UpdateStock(c *fiber.Ctx, id int64) error {
	f, err := web.ReadForm(c, "quantity")
	if err != nil {
		return err
	}
	quantity := f.Number("quantity")
	f.Require("quantity")
	done, err := f.Submit(c, func() error { return h.Stock.Set(c.UserContext(), id, *quantity) })
	switch {
	case err != nil:
		return err
	case !done:
		return h.edit(c.Status(f.Status), id, nil, f)
	}
	return web.SeeOther(c, productURL(id)+"?done=stock")
}
