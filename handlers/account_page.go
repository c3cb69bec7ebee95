package handlers

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/web"
	"example.com/prefab/services"
)

// accountForms are those of the page of the signed-in user's account. One of them may be refused.
type accountForms struct {
	Password, Email, Delete *web.Form
	May                     services.AccountOptions
}

// Account answers GET /account.
func (h *Pages) Account(c *fiber.Ctx) error { return h.showAccount(c, "", web.NewForm()) }

func (h *Pages) showAccount(c *fiber.Ctx, do string, refused *web.Form) error {
	forms := accountForms{
		Password: web.NewForm(), Email: web.NewForm(), Delete: web.NewForm(), May: h.Accounts.Accounts.Options(),
	}
	switch do {
	case "password":
		forms.Password = refused
	case "email":
		forms.Email = refused
	case "delete":
		forms.Delete = refused
	}
	return h.show(c, "account", view{Title: "Your account", Page: forms})
}

// ChangeAccount answers POST /account. The field "do" tells which form was sent.
func (h *Pages) ChangeAccount(c *fiber.Ctx) error {
	f, err := web.ReadForm(c, "do", "currentPassword", "password", "email")
	if err != nil {
		return err
	}
	do, next := f.Value("do"), "/account?done="
	done, err := f.Submit(c, func() (err error) {
		current := f.Text("currentPassword")
		switch do {
		case "password":
			change := services.PasswordChange{CurrentPassword: current, Password: f.Text("password")}
			_, err = h.Accounts.changePassword(c, change)
			next += "password"
		case "email":
			change := services.EmailChange{CurrentPassword: current, Email: f.Text("email")}
			err = h.Accounts.requestEmail(c, change)
			next += "mail"
		case "sessions":
			err = h.Accounts.endSessions(c)
			next = "/login?done=sessions"
		case "delete":
			err = h.Accounts.delete(c, services.Deletion{CurrentPassword: current})
			next = "/login?done=deleted"
		default:
			err = web.ErrBadForm
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case !done:
		return h.showAccount(c.Status(f.Status), do, f)
	}
	return web.SeeOther(c, next)
}
