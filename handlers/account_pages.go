package handlers

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/openapi"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/handlers/web"
	"example.com/prefab/services"
)

// SignUpForm answers GET /signup.
func (h *Pages) SignUpForm(c *fiber.Ctx) error { return h.showSignUp(c, web.NewForm()) }

func (h *Pages) showSignUp(c *fiber.Ctx, f *web.Form) error {
	return h.show(c, "signup", view{Title: "Sign up", Page: accountView{Form: f, May: h.Accounts.Accounts.Options()}})
}

// accountView is what the templates of accounts get.
type accountView struct {
	*web.Form
	May services.AccountOptions
	For services.LinkPurpose // of the link that the page was reached by
}

// SignUp answers POST /signup.
func (h *Pages) SignUp(c *fiber.Ctx) error {
	f, err := web.ReadForm(c, "name", "email")
	if err != nil {
		return err
	}
	done, err := f.Submit(c, func() error {
		fields := services.SignUpFields{Email: f.Text("email"), Name: f.Text("name")}
		return h.Accounts.Accounts.SignUp(c.UserContext(), fields, clientOf(c))
	})
	switch {
	case err != nil:
		return err
	case !done:
		return h.showSignUp(c.Status(f.Status), f)
	}
	return web.SeeOther(c, "/login?done=mail")
}

// ResetForm answers GET /reset.
func (h *Pages) ResetForm(c *fiber.Ctx) error { return h.showReset(c, web.NewForm()) }

func (h *Pages) showReset(c *fiber.Ctx, f *web.Form) error {
	may := h.Accounts.Accounts.Options()
	return h.show(c, "reset", view{Title: "Reset the password", Page: accountView{Form: f, May: may}})
}

// Reset answers POST /reset.
func (h *Pages) Reset(c *fiber.Ctx) error {
	f, err := web.ReadForm(c, "email")
	if err != nil {
		return err
	}
	done, err := f.Submit(c, func() error {
		return h.Accounts.Accounts.RequestReset(c.UserContext(), services.EmailFields{Email: f.Text("email")}, clientOf(c))
	})
	switch {
	case err != nil:
		return err
	case !done:
		return h.showReset(c.Status(f.Status), f)
	}
	return web.SeeOther(c, "/login?done=mail")
}

// PasswordForm answers GET /account/password, where the link of a mail leads. It does not
// use the link: programs that look at mails follow links too.
func (h *Pages) PasswordForm(c *fiber.Ctx) error {
	return h.followLink(c, "password", "Choose a password")
}

// EmailForm answers GET /account/email.
func (h *Pages) EmailForm(c *fiber.Ctx) error {
	return h.followLink(c, "email", "Change your e-mail address")
}

func (h *Pages) followLink(c *fiber.Ctx, template, title string) error {
	q, err := rest.ReadPageQuery(c, "token")
	if err != nil {
		return err
	}
	return h.showLink(c, template, title, web.NewForm("token", q["token"]))
}

func (h *Pages) showLink(c *fiber.Ctx, template, title string, f *web.Form) error {
	link, err := h.Accounts.Accounts.Link(c.UserContext(), f.Value("token"))
	if err == nil && (link.Purpose == services.EmailLink) != (template == "email") {
		err = services.ErrLinkOver
	}
	if err != nil {
		return err
	}
	f.Set("email", link.Email)
	err = h.show(c, template, view{Title: title, Page: accountView{Form: f, For: link.Purpose}})
	c.Set(fiber.HeaderCacheControl, "no-store")
	return err
}

// SetPassword answers POST /account/password.
func (h *Pages) SetPassword(c *fiber.Ctx) error {
	return h.useLink(c, "password", "Choose a password", func(f *web.Form) error {
		_, err := h.Accounts.complete(c, f.Value("token"), f.Value("password"))
		return err
	})
}

// ConfirmEmail answers POST /account/email.
func (h *Pages) ConfirmEmail(c *fiber.Ctx) error {
	return h.useLink(c, "email", "Change your e-mail address", func(f *web.Form) error {
		_, err := h.Accounts.confirmEmail(c, f.Value("token"))
		return err
	})
}

func (h *Pages) useLink(c *fiber.Ctx, template, title string, use func(*web.Form) error) error {
	f, err := web.ReadForm(c, "token", "password")
	if err != nil {
		return err
	}
	done, err := f.Submit(c, func() error { return use(f) })
	switch {
	case err != nil:
		return err
	case !done:
		return h.showLink(c.Status(f.Status), template, title, f)
	}
	return web.SeeOther(c, "/account?done="+template) // or to sign in, where there is no session
}

func accountPagesAPI() openapi.Group {
	token := openapi.Param{Name: "token", Type: "", Example: "TOKENOFTHELINKINTHEMAIL234", Description: "Of the link."}
	over, limited := map[int]string{404: "The link was used, or is over."}, map[int]string{429: ""}
	taken := map[int]string{404: over[404], 409: "There is a user with that e-mail address already."}
	page := openapi.Page{}
	return openapi.Group{Tag: "pages", Operations: []openapi.Operation{
		{ID: "showSignUpPage", Method: "GET", Path: "/signup", Summary: "The form to sign up", Answer: page},
		{
			ID: "postSignUp", Method: "POST", Path: "/signup", Summary: "Ask for an account", Answer: page,
			Form: []string{"name", "email"}, Errors: limited,
		},
		{ID: "showResetPage", Method: "GET", Path: "/reset", Summary: "The form to reset the password", Answer: page},
		{
			ID: "postReset", Method: "POST", Path: "/reset", Summary: "Ask for a link to reset the password", Answer: page,
			Form: []string{"email"}, Errors: limited,
		},
		{
			ID: "showPasswordPage", Method: "GET", Path: "/account/password",
			Summary: "The form to set a password", Params: []openapi.Param{token}, Answer: page, Errors: over,
		},
		{
			ID: "postPassword", Method: "POST", Path: "/account/password", Summary: "Set the password by a link", Answer: page,
			Form: []string{"token", "password"}, Errors: taken,
		},
		{
			ID: "showEmailPage", Method: "GET", Path: "/account/email", Summary: "The page to confirm an e-mail address",
			Params: []openapi.Param{token}, Answer: page, Errors: over,
		},
		{
			ID: "postEmail", Method: "POST", Path: "/account/email",
			Summary: "Change the e-mail address by a link", Answer: page, Form: []string{"token"}, Errors: taken,
			Never: []int{422},
		},
		{
			ID: "showAccountPage", Method: "GET", Path: "/account", Summary: "The signed-in user's account", Answer: page,
			Guard: openapi.Session,
		},
		{
			ID: "postAccount", Method: "POST", Path: "/account", Summary: "Change the signed-in user's account", Answer: page,
			Guard: openapi.Session, Form: []string{"do", "currentPassword?", "password?", "email?"}, Errors: limited,
			Description: "`do` is `password`, `email`, `sessions` or `delete`.",
		},
	}}
}
