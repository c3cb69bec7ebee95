package handlers

import (
	"net/url"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/handlers/web"
	"example.com/prefab/services"
)

// Login answers GET /login. A user who is signed in already is redirected at once.
func (h *Pages) Login(c *fiber.Ctx) error {
	q, err := rest.ReadPageQuery(c, "next")
	if err != nil {
		return err
	}
	next := web.LocalPath(q["next"])
	if _, ok := services.UserFrom(c.UserContext()); ok {
		return web.SeeOther(c, next)
	}
	return h.showLogin(c, web.NewForm("next", next))
}

func (h *Pages) showLogin(c *fiber.Ctx, f *web.Form) error {
	return h.show(c, "login", view{Title: "Sign in", Page: accountView{Form: f, May: h.Accounts.Accounts.Options()}})
}

// SignIn answers POST /login.
func (h *Pages) SignIn(c *fiber.Ctx) error {
	f, err := web.ReadForm(c, "next", "email", "password")
	if err != nil {
		return err
	}
	done, err := f.Submit(c, func() error {
		_, err := h.Session.signIn(c, f.Value("email"), f.Value("password"))
		return err
	})
	switch {
	case err != nil:
		return err
	case !done:
		return h.showLogin(c.Status(f.Status), f)
	}
	return web.SeeOther(c, web.LocalPath(f.Value("next")))
}

// SignOut answers POST /logout.
func (h *Pages) SignOut(c *fiber.Ctx) error {
	if err := h.Session.End(c); err != nil {
		return err
	}
	return web.SeeOther(c, "/")
}

// loginURL is the address of the sign-in form that leads on to a path of ours.
func loginURL(next string) string { return "/login?next=" + url.QueryEscape(next) }
