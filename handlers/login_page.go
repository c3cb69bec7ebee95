package handlers

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
)

// Login answers GET /login. Who is signed in already goes where they would go after it.
func (h *Pages) Login(c *fiber.Ctx) error {
	q, err := pageQuery(c, "next")
	if err != nil {
		return err
	}
	next := localPath(q["next"])
	if _, ok := services.UserFrom(c.UserContext()); ok {
		return seeOther(c, next)
	}
	return h.showLogin(c, newForm("next", next))
}

func (h *Pages) showLogin(c *fiber.Ctx, f *form) error {
	return h.show(c, "login", view{Title: "Sign in", Page: struct{ Form *form }{f}})
}

// SignIn answers POST /login.
func (h *Pages) SignIn(c *fiber.Ctx) error {
	f, err := readForm(c, "next", "email", "password")
	if err != nil {
		return err
	}
	done, err := f.submit(c, func() error {
		_, err := h.Session.signIn(c, f.values["email"], f.values["password"])
		return err
	})
	switch {
	case err != nil:
		return err
	case !done:
		if f.status == fiber.StatusUnauthorized {
			c.Set(fiber.HeaderWWWAuthenticate, challenge)
		}
		return h.showLogin(c.Status(f.status), f)
	}
	return seeOther(c, localPath(f.values["next"]))
}

// SignOut answers POST /logout.
func (h *Pages) SignOut(c *fiber.Ctx) error {
	if err := h.Session.End(c); err != nil {
		return err
	}
	return seeOther(c, "/")
}

// loginURL is where to sign in, and come back to a path of ours.
func loginURL(next string) string { return "/login?next=" + url.QueryEscape(next) }

// localPath returns the path if a browser takes it for one of this site, else "/": a
// link to our sign-in must not lead to a page that looks like ours. Browsers take a
// backslash for a slash, and leave out control characters.
func localPath(next string) string {
	target, err := url.Parse(next)
	if err != nil || target.Host != "" || !strings.HasPrefix(next, "/") {
		return "/"
	}
	path := target.RequestURI() // which may decode what it cannot keep as it is
	if strings.HasPrefix(path, "//") || strings.ContainsFunc(path, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '\\'
	}) {
		return "/"
	}
	return path
}
