// Package web holds what handlers of HTML pages have in common. Its promises: a form
// that is refused is shown again with all that was filled in; a posted form ends in a
// redirect, so that a reload does not post again; and no link leads a user of ours to a
// foreign site.
//
//	func Rename(c *fiber.Ctx) error {
//		form, err := web.ReadForm(c, "name")
//		if err != nil {
//			return err
//		}
//		done, err := form.Submit(c, func() error { return lamps.Rename(c.UserContext(), *form.Text("name")) })
//		switch {
//		case err != nil:
//			return err
//		case !done:
//			return web.Render(c.Status(form.Status), "rename", form) // which shows its errors
//		}
//		return web.SeeOther(c, "/lamps")
//	}
package web

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Render answers with a template of Fiber's Views.
func Render(c *fiber.Ctx, template string, data any) error {
	c.Response().ResetBody()
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	// Not c.Render: concurrent first calls race for the list of Fiber's mounted apps. If a
	// template fails half way, the error replaces what it has written.
	return c.App().Config().Views.Render(c.Response().BodyWriter(), template, data)
}

// SeeOther redirects from a posted form to a page (POST/redirect/GET).
func SeeOther(c *fiber.Ctx, path string) error { return c.Redirect(path, fiber.StatusSeeOther) }

// LocalPath returns the path if every browser takes it for one of this site, else "/": a
// link to our sign-in must not lead on to a page that imitates ours. Browsers take a
// backslash for a slash, and leave out control characters.
func LocalPath(next string) string {
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
