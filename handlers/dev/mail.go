package dev

import (
	"context"
	"html/template"
	"strings"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/mail"
)

var mailPage = template.Must(template.New("mail.html").Funcs(template.FuncMap{
	"lines": func(text string) []string { return strings.Split(text, "\n") },
	"isLink": func(line string) bool {
		return strings.HasPrefix(line, "http://") || strings.HasPrefix(line, "https://")
	},
}).ParseFS(files, "mail.html"))

// Mails shows the mails that list returns, newest first, to clients on this machine. Mount it
// behind Serve, which passes its requests on.
func Mails(list func(context.Context) ([]mail.Message, error)) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if !isLocal(c) {
			return fiber.ErrNotFound
		}
		mails, err := list(c.UserContext())
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderCacheControl, "no-store")
		c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
		return mailPage.Execute(c.Response().BodyWriter(), mails)
	}
}
