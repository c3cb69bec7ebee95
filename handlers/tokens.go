package handlers

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/openapi"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/services"
)

// Tokens serves /api/v1/tokens: those of the user who is signed in.
type Tokens struct{ Tokens *services.Tokens }

type tokenList struct {
	Items []services.Token `json:"items"`
}

// List answers GET /api/v1/tokens.
func (h *Tokens) List(c *fiber.Ctx) error {
	owner, ok := services.UserFrom(c.UserContext())
	if !ok {
		return services.ErrSignInNeeded
	}
	tokens, err := h.Tokens.List(c.UserContext(), owner)
	if err != nil {
		return err
	}
	return c.JSON(tokenList{tokens})
}

// Create answers POST /api/v1/tokens.
func (h *Tokens) Create(c *fiber.Ctx) error {
	owner, ok := services.UserFrom(c.UserContext())
	if !ok {
		return services.ErrSignInNeeded
	}
	var fields services.TokenFields
	if err := rest.DecodeJSON(c, &fields); err != nil {
		return err
	}
	token, err := h.Tokens.Create(c.UserContext(), owner, fields)
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(token)
}

// Delete answers DELETE /api/v1/tokens/:id.
func (h *Tokens) Delete(c *fiber.Ctx, id int64) error {
	owner, ok := services.UserFrom(c.UserContext())
	if !ok {
		return services.ErrSignInNeeded
	}
	if err := h.Tokens.Revoke(c.UserContext(), owner, id); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}

func tokensAPI() openapi.Group {
	const path = "/api/v1/tokens"
	token := services.Token{
		ID: 1, Name: "nightly import", Scope: services.ScopeWrite, CreatedAt: time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC),
		ExpiresAt: time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC),
	}
	const says = "Tokens, by which programs act for a user."
	return openapi.Group{Tag: "tokens", Description: says, Operations: []openapi.Operation{
		{
			ID: "listTokens", Method: "GET", Path: path, Summary: "List one's tokens", Guard: openapi.Session,
			Answer: tokenList{[]services.Token{token}}, Says: "All tokens, newest first, also those that have expired.",
		},
		{
			ID: "createToken", Method: "POST", Path: path, Summary: "Make a token", Guard: openapi.Session,
			Description: "The scope `read` is for requests that only read, `write` for all that a member may do, and `admin`, " +
				"which only an admin can give, for what an admin may do.",
			Body:   services.TokenFields{Name: &token.Name, Scope: new(string(token.Scope)), ExpiresInDays: new(int64(90))},
			Answer: services.NewToken{Token: token, Secret: "prefab_ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
			Says:   "The token, which is shown this once.",
			Errors: map[int]string{409: "The user has as many tokens as one may have."},
		},
		{
			ID: "revokeToken", Method: "DELETE", Path: path + "/{id}", Summary: "Revoke a token", Guard: openapi.Session,
			Description: "It is refused from then on.",
		},
	}}
}
