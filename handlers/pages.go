package handlers

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/openapi"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/handlers/web"
	"example.com/prefab/services"
)

// Pages serves HTML: what the API serves, for people. Its forms work without
// scripts: they post, and are answered with a redirect, or shown again with what is
// wrong in them. The templates are Fiber's Views.
type Pages struct {
	// region sample
	Products   *services.Products
	Categories *services.Categories
	Stock      *services.Stock
	Reviews    *services.Reviews
	// endregion
	Session   *Session
	Accounts  *Accounts
	Tokens    *services.Tokens
	DevReload bool // templates are read anew for each page, so browsers must not cache it
}

// view is what every template gets.
type view struct {
	Title  string
	User   *services.User // nil: a visitor
	Here   string         // the page's address, to return to after a sign-in; "": no link to sign in
	Notice string         // what the user has just done
	Page   any
}

func (h *Pages) show(c *fiber.Ctx, template string, v view) error {
	q, err := rest.ReadPageQuery(c, "done")
	if err != nil {
		return err
	}
	v.Notice = notices[q["done"]]
	if h.DevReload && c.Response().StatusCode() == fiber.StatusOK {
		c.Set(fiber.HeaderCacheControl, "no-cache")
	}
	return render(c, template, v)
}

func render(c *fiber.Ctx, template string, v view) error {
	if user, ok := services.UserFrom(c.UserContext()); ok {
		v.User = &user
	}
	return web.Render(c, template, v)
}

// ProblemPage shows errors to browsers.
func ProblemPage() rest.ErrorPage {
	return web.ProblemPage(loginURL, func(c *fiber.Ctx, p web.ProblemView) error {
		return render(c, "problem", view{Title: p.Title, Page: p})
	})
}

// Home answers GET / once the sample is removed: README.md says how.
func (h *Pages) Home(c *fiber.Ctx) error {
	return h.show(c, "home", view{Title: "Start", Here: "/"})
}

// notices are the texts for the parameter "done" of a redirect after a form.
var notices = map[string]string{
	"mail":     "A mail is on its way. Please open the link in it.",
	"password": "The password is set.",
	"email":    "The e-mail address is changed.",
	"sessions": "You are signed out everywhere.",
	"deleted":  "The account is deleted.",
	// region sample
	"review":  "Thank you for your review.",
	"product": "The product is saved.",
	"stock":   "The stock is saved.",
	// endregion
	"revoked": "The token is revoked.",
}

func pagesAPI() openapi.Group {
	return openapi.Group{Tag: "pages", Description: "HTML for people. Forms are posted as browsers post them, and " +
		"answered with 303, or shown again with what is wrong in them.", Operations: []openapi.Operation{
		// without sample: {ID: "showHome", Method: "GET", Path: "/", Summary: "The start page", Answer: openapi.Page{}},
		{
			ID: "showLoginPage", Method: "GET", Path: "/login", Summary: "The form to sign in", Answer: openapi.Page{},
			Description: "Who is signed in already is led on to `next`.",
			Params: []openapi.Param{{
				Name: "next", Type: "", Description: "The path to go to afterwards; `/` for what is none of this site.",
			}},
			Others: []openapi.Other{{Status: 303, Answer: openapi.Page{}}},
		},
		{
			ID: "postLogin", Method: "POST", Path: "/login", Summary: "Sign in", Answer: openapi.Page{},
			Form: []string{"email", "password", "next?"}, Errors: map[int]string{401: "", 429: ""}, Never: []int{422},
		},
		{ID: "postLogout", Method: "POST", Path: "/logout", Summary: "Sign out", Answer: openapi.Page{}},
		{
			ID: "showIcon", Method: "GET", Path: "/favicon.ico", Summary: "The icon, where browsers ask for it by themselves",
			Answer: openapi.File{}, Never: []int{503},
		},
		{
			ID: "showRobots", Method: "GET", Path: "/robots.txt", Summary: "What search engines should leave out",
			Answer: openapi.File{}, Never: []int{503},
		},
		{
			ID: "showStaticFile", Method: "GET", Path: "/static/{file}", Summary: "Style, script and icon of the pages",
			Description: "The name holds a hash of the content, so an answer is good for ever. With another hash it is the " +
				"current file, to be asked for again.",
			Params: []openapi.Param{{
				Name: "file", Type: "", Example: "prefab.0a1b2c3d4e5f6071.css", Description: "The file and the hash.",
			}},
			Answer: openapi.File{}, Never: []int{503},
		},
	}}
}
