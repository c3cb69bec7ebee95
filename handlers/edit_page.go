package handlers

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
)

// Edit answers GET /products/:id/edit.
func (h *Pages) Edit(c *fiber.Ctx) error { return h.edit(c, nil, nil) }

// edit shows a product's two forms: as they were refused, or, where nil, with what
// is stored.
func (h *Pages) edit(c *fiber.Ctx, details, stock *form) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	product, err := h.Products.Get(c.UserContext(), id)
	if err != nil {
		return err
	}
	categories, err := h.Categories.List(c.UserContext())
	if err != nil {
		return err
	}
	own := func(c services.Category) bool { return c.ID == product.Category.ID }
	if !slices.ContainsFunc(categories, own) { // else to save would move the product to the first one
		categories = append(slices.Clone(categories), product.Category)
	}
	page := struct {
		Product        services.Product
		Version        int64
		Price          string
		Categories     []services.Category
		Details, Stock *form
		Changed        bool // by somebody else, since the form was shown
	}{Product: product, Version: product.RowVersion, Categories: categories, Details: details, Stock: stock}
	page.Price = fmt.Sprintf("%d.%02d", product.PriceCents/100, product.PriceCents%100)
	if details == nil {
		page.Details = newForm("name", product.Name, "price", page.Price,
			"categoryId", strconv.FormatInt(product.Category.ID, 10), "description", product.Description)
	} else {
		// To save once more after a lost race is to have seen what others wrote.
		page.Changed = details.status == fiber.StatusPreconditionFailed
		if !page.Changed {
			page.Version, _ = strconv.ParseInt(details.values["version"], 10, 64)
		}
	}
	if stock == nil {
		page.Stock = newForm("quantity", strconv.FormatInt(product.Stock, 10))
	}
	return h.show(c, "edit", view{Title: "Edit " + product.Name, Here: editURL(id), Page: page})
}

func editURL(id int64) string { return productURL(id) + "/edit" }

// Update answers POST /products/:id/edit.
func (h *Pages) Update(c *fiber.Ctx) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	f, err := readForm(c, "version", "name", "price", "categoryId", "description")
	if err != nil {
		return err
	}
	version, ok := parseID(f.values["version"]) // without one, others' changes would be written over unseen
	if !ok {
		return errBadForm
	}
	fields := services.ProductFields{
		Name: f.text("name"), Description: f.text("description"),
		PriceCents: f.cents("price", services.MaxPriceCents), CategoryID: f.number("categoryId"),
	}
	f.require("price", "categoryId") // a field that is not given would be left as it is
	f.check(fields.Validate())
	done, err := f.submit(c, func() error {
		_, err := h.Products.Update(c.UserContext(), id, version, fields)
		return err
	})
	switch {
	case err != nil:
		return err
	case !done:
		return h.edit(c.Status(f.status), f, nil)
	}
	return seeOther(c, productURL(id)+"?done=product")
}

// ToEdit answers GET /products/:id/stock, the address of a stock's form that was
// refused, for who asks for it once more.
func (h *Pages) ToEdit(c *fiber.Ctx) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	return seeOther(c, editURL(id))
}

// UpdateStock answers POST /products/:id/stock.
func (h *Pages) UpdateStock(c *fiber.Ctx) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	f, err := readForm(c, "quantity")
	if err != nil {
		return err
	}
	quantity := f.number("quantity")
	f.require("quantity")
	done, err := f.submit(c, func() error { return h.Stock.Set(c.UserContext(), id, *quantity) })
	switch {
	case err != nil:
		return err
	case !done:
		return h.edit(c.Status(f.status), nil, f)
	}
	return seeOther(c, productURL(id)+"?done=stock")
}
