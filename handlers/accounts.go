package handlers

import (
	"net/netip"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// Accounts serves /api/v1/account, and DELETE /api/v1/sessions.
type Accounts struct {
	Accounts *services.Accounts
	Session  *Session
}

// SignUp answers POST /api/v1/account.
func (h *Accounts) SignUp(c *fiber.Ctx) error {
	var body services.SignUpFields
	if err := rest.DecodeJSON(c, &body); err != nil {
		return err
	}
	return accepted(c, h.Accounts.SignUp(c.UserContext(), body, clientOf(c)))
}

// RequestReset answers POST /api/v1/account/reset.
func (h *Accounts) RequestReset(c *fiber.Ctx) error {
	var body services.EmailFields
	if err := rest.DecodeJSON(c, &body); err != nil {
		return err
	}
	return accepted(c, h.Accounts.RequestReset(c.UserContext(), body, clientOf(c)))
}

type completion struct {
	Token    *string `json:"token" doc:"From the link in the mail."`
	Password *string `json:"password" format:"password"`
}

// Rules are the rules of the fields. The service has those of the password.
func (f completion) Rules(r *problem.Rules) {
	r.Require("token", f.Token != nil)
	r.Require("password", f.Password != nil)
}

// Complete answers POST /api/v1/account/password: by a link.
func (h *Accounts) Complete(c *fiber.Ctx) error {
	var body completion
	if err := rest.DecodeJSON(c, &body); err != nil {
		return err
	}
	if err := problem.Check(body.Rules); err != nil {
		return err
	}
	user, err := h.complete(c, *body.Token, *body.Password)
	if err != nil {
		return err
	}
	return sendPrivate(c, user)
}

func (h *Accounts) complete(c *fiber.Ctx, token, password string) (services.User, error) {
	user, err := h.Accounts.Complete(c.UserContext(), token, password)
	if err != nil {
		return user, err
	}
	return user, h.Session.start(c, user)
}

// ChangePassword answers PUT /api/v1/account/password. This session goes on.
func (h *Accounts) ChangePassword(c *fiber.Ctx) error {
	var body services.PasswordChange
	if err := rest.DecodeJSON(c, &body); err != nil {
		return err
	}
	user, err := h.changePassword(c, body)
	if err != nil {
		return err
	}
	return sendPrivate(c, user)
}

func (h *Accounts) changePassword(c *fiber.Ctx, f services.PasswordChange) (services.User, error) {
	user, err := signedIn(c)
	if err == nil {
		user, err = h.Accounts.ChangePassword(c.UserContext(), user, f, clientOf(c))
	}
	if err != nil {
		return user, err
	}
	return user, h.Session.start(c, user)
}

// RequestEmail answers POST /api/v1/account/email.
func (h *Accounts) RequestEmail(c *fiber.Ctx) error {
	var body services.EmailChange
	if err := rest.DecodeJSON(c, &body); err != nil {
		return err
	}
	return accepted(c, h.requestEmail(c, body))
}

func (h *Accounts) requestEmail(c *fiber.Ctx, f services.EmailChange) error {
	user, err := signedIn(c)
	if err != nil {
		return err
	}
	return h.Accounts.RequestEmail(c.UserContext(), user, f, clientOf(c))
}

type linkToken struct {
	Token *string `json:"token" doc:"From the link in the mail."`
}

// Rules are the rules of the fields.
func (f linkToken) Rules(r *problem.Rules) { r.Require("token", f.Token != nil) }

// ConfirmEmail answers PUT /api/v1/account/email: by a link.
func (h *Accounts) ConfirmEmail(c *fiber.Ctx) error {
	var body linkToken
	if err := rest.DecodeJSON(c, &body); err != nil {
		return err
	}
	if err := problem.Check(body.Rules); err != nil {
		return err
	}
	user, err := h.confirmEmail(c, *body.Token)
	if err != nil {
		return err
	}
	return sendPrivate(c, user)
}

// confirmEmail ends all sessions of the user. If this request has one of them, it goes on. A
// token gets none.
func (h *Accounts) confirmEmail(c *fiber.Ctx, token string) (services.User, error) {
	user, err := h.Accounts.ConfirmEmail(c.UserContext(), token)
	_, byToken := services.TokenFrom(c.UserContext())
	if before, ok := services.UserFrom(c.UserContext()); err == nil && ok && !byToken && before.ID == user.ID {
		err = h.Session.start(c, user)
	}
	return user, err
}

// Delete answers DELETE /api/v1/account.
func (h *Accounts) Delete(c *fiber.Ctx) error {
	var body services.Deletion
	if err := rest.DecodeJSON(c, &body); err != nil {
		return err
	}
	if err := h.delete(c, body); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}

func (h *Accounts) delete(c *fiber.Ctx, f services.Deletion) error {
	user, err := signedIn(c)
	if err == nil {
		err = h.Accounts.Delete(c.UserContext(), user, f, clientOf(c))
	}
	if err != nil {
		return err
	}
	return h.Session.End(c)
}

// EndSessions answers DELETE /api/v1/sessions: sign out everywhere.
func (h *Accounts) EndSessions(c *fiber.Ctx) error {
	if err := h.endSessions(c); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}

func (h *Accounts) endSessions(c *fiber.Ctx) error {
	user, err := signedIn(c)
	if err == nil {
		err = h.Accounts.EndSessions(c.UserContext(), user)
	}
	if err != nil {
		return err
	}
	return h.Session.End(c)
}

func signedIn(c *fiber.Ctx) (services.User, error) {
	user, ok := services.UserFrom(c.UserContext())
	if !ok {
		return user, services.ErrSignInNeeded
	}
	return user, nil
}

func accepted(c *fiber.Ctx, err error) error {
	if err == nil {
		c.Status(fiber.StatusAccepted)
	}
	return err
}

func clientOf(c *fiber.Ctx) netip.Addr { return tracing.From(c.UserContext()).ClientAddress() }
