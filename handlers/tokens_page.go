package handlers

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/openapi"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/handlers/web"
	"example.com/prefab/services"
)

// tokensView is what the page of one's tokens shows.
type tokensView struct {
	*web.Form
	Tokens []services.Token
	Made   *services.NewToken // a moment ago; nil: none
}

// TokensPage answers GET /account/tokens.
func (h *Pages) TokensPage(c *fiber.Ctx) error { return h.showTokens(c, nil, newTokenForm()) }

func newTokenForm() *web.Form {
	return web.NewForm("scope", string(services.ScopeRead), "expiresInDays", "90")
}

func (h *Pages) showTokens(c *fiber.Ctx, made *services.NewToken, f *web.Form) error {
	owner, ok := services.UserFrom(c.UserContext())
	if !ok {
		return services.ErrSignInNeeded
	}
	tokens, err := h.Tokens.List(c.UserContext(), owner)
	if err != nil {
		return err
	}
	return h.show(c, "tokens", view{Title: "Your tokens", Page: tokensView{f, tokens, made}})
}

// ChangeTokens answers POST /account/tokens: with a field "revoke", the id of a token, it
// ends that one. Else it makes one and shows it, at once and not after a redirect, since
// nothing stores it.
func (h *Pages) ChangeTokens(c *fiber.Ctx) error {
	owner, ok := services.UserFrom(c.UserContext())
	if !ok {
		return services.ErrSignInNeeded
	}
	f, err := web.ReadForm(c, "revoke", "name", "scope", "expiresInDays")
	if err != nil {
		return err
	}
	if id, ok := rest.ParseID(f.Value("revoke")); ok {
		if err := h.Tokens.Revoke(c.UserContext(), owner, id); err != nil {
			return err
		}
		return web.SeeOther(c, "/account/tokens?done=revoked")
	}
	var made services.NewToken
	fields := services.TokenFields{
		Name: f.Text("name"), Scope: f.Text("scope"), ExpiresInDays: f.Number("expiresInDays"),
	}
	f.Require("expiresInDays")
	done, err := f.Submit(c, func() (err error) {
		made, err = h.Tokens.Create(c.UserContext(), owner, fields)
		return err
	})
	switch {
	case err != nil:
		return err
	case !done:
		return h.showTokens(c.Status(f.Status), nil, f)
	}
	return h.showTokens(c, &made, newTokenForm())
}

func tokenPagesAPI() openapi.Group {
	const path = "/account/tokens"
	page := openapi.Page{}
	return openapi.Group{Tag: "pages", Operations: []openapi.Operation{
		{
			ID: "showTokensPage", Method: "GET", Path: path, Summary: "One's tokens", Answer: page, Guard: openapi.Session,
		},
		{
			ID: "postToken", Method: "POST", Path: path, Summary: "Make or revoke a token", Answer: page, Status: fiber.StatusOK,
			Guard: openapi.Session, Form: []string{"revoke?", "name?", "scope?", "expiresInDays?"},
			Description: "`revoke` is the id of a token to revoke. Without it, the page shows the new token this once.",
			Errors: map[int]string{
				404: "There is no such token to revoke.", 409: "The user has as many tokens as one may have.",
			},
			Others: []openapi.Other{{Status: fiber.StatusSeeOther, Answer: page}},
		},
	}}
}
