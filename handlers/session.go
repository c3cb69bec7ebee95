// Package handlers turns HTTP into calls of services, and their answers and
// errors into HTTP.
package handlers

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/openapi"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/services"
	"example.com/prefab/services/tracing"
)

// Session serves /api/v1/session.
type Session struct {
	Users *services.Users
	Start func(c *fiber.Ctx, userID, version int64) error // opens a session under a new id
	End   func(c *fiber.Ctx) error                        // closes the request's session, if there is one
}

type credentials struct {
	Email    string `json:"email" doc:"Without regard to case."`
	Password string `json:"password" format:"password"`
}

// Create answers POST /api/v1/session: sign in.
func (h *Session) Create(c *fiber.Ctx) error {
	var body credentials
	if err := rest.DecodeJSON(c, &body); err != nil {
		return err
	}
	user, err := h.signIn(c, body.Email, body.Password)
	if err != nil {
		return err
	}
	return sendPrivate(c, user)
}

func (h *Session) signIn(c *fiber.Ctx, email, password string) (services.User, error) {
	ctx := c.UserContext()
	user, err := h.Users.SignIn(ctx, email, password, tracing.From(ctx).ClientAddress())
	if err != nil {
		return user, err
	}
	return user, h.start(c, user)
}

func (h *Session) start(c *fiber.Ctx, user services.User) error {
	return h.Start(c, user.ID, user.CredentialsVersion)
}

// Show answers GET /api/v1/session: who am I.
func (h *Session) Show(c *fiber.Ctx) error {
	user, ok := services.UserFrom(c.UserContext())
	if !ok {
		return services.ErrSignInNeeded
	}
	return sendPrivate(c, user)
}

// Delete answers DELETE /api/v1/session: sign out. Without a session it is done already.
func (h *Session) Delete(c *fiber.Ctx) error {
	if err := h.End(c); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}

func sendPrivate(c *fiber.Ctx, user services.User) error {
	c.Set(fiber.HeaderCacheControl, "private, no-store")
	return c.JSON(user)
}

func sessionAPI() openapi.Group {
	const path = "/api/v1/session"
	user := services.User{ID: 1, Email: "admin@prefab.example", Name: "Ada Admin", Role: services.Admin}
	return openapi.Group{Tag: "session", Description: "Signing in and out.", Operations: []openapi.Operation{
		{
			ID: "signIn", Method: "POST", Path: path, Summary: "Sign in", Body: credentials{user.Email, "sample-admin-password"},
			Description: "A wrong address and a wrong password get the same answer. Attempts are limited by account and by " +
				"client address.",
			Status: fiber.StatusOK, Answer: user, Says: "The user; the session is in the cookie.",
			Headers: []string{"Set-Cookie"},
			Errors:  map[int]string{401: "", 429: ""},
		},
		{
			ID: "showSession", Method: "GET", Path: path, Summary: "Ask who is signed in", Guard: openapi.User,
			Answer: user, Says: "The user.",
		},
		{ID: "signOut", Method: "DELETE", Path: path, Summary: "Sign out", Description: "Without a session it is done " +
			"already."},
	}}
}
