package middleware

import (
	"context"
	"strings"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// The challenges of RFC 6750, section 3.
const (
	challengeBadToken = `Bearer realm="prefab", error="invalid_token"` //nolint:gosec // no secret
	challengeScope    = `Bearer realm="prefab", error="insufficient_scope"`
)

// RequireSession lets those pass who have signed in themselves. It is for tokens and for the
// account: who has stolen a token must not be able to make another one of it.
func (g *Guards) RequireSession(c *fiber.Ctx) error {
	if _, sent := bearer(c); sent {
		c.Set(fiber.HeaderWWWAuthenticate, challengeScope)
		return services.ErrSessionNeeded
	}
	return g.require(c, services.Member)
}

// bearer returns the token of the request's Authorization, and whether there is one. Only
// the header counts: a token in a query would be in the logs of every proxy.
func bearer(c *fiber.Ctx) (secret string, sent bool) {
	scheme, secret, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	return strings.TrimSpace(secret), strings.EqualFold(scheme, "Bearer")
}

// findByToken returns the user of a token, which handlers get by services.TokenFrom.
func (g *Guards) findByToken(ctx context.Context, c *fiber.Ctx, secret string) (services.User, error) {
	user, token, err := g.tokens.Authenticate(ctx, secret)
	if err != nil {
		return services.User{}, err
	}
	c.SetUserContext(services.WithToken(c.UserContext(), token))
	return user, nil
}

// challenge names the scheme of a token that was refused.
func challenge(c *fiber.Ctx, err error) {
	if _, sent := bearer(c); sent && problem.CodeOf(err) == problem.Unauthenticated {
		c.Set(fiber.HeaderWWWAuthenticate, challengeBadToken)
	}
}

// checkScope refuses what the request's token, if there is one, is not good for.
func checkScope(c *fiber.Ctx, role services.Role) error {
	token, ok := services.TokenFrom(c.UserContext())
	needed := services.ScopeRead
	switch {
	case role == services.Admin:
		needed = services.ScopeAdmin
	case c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead:
		needed = services.ScopeWrite
	}
	if !ok || token.Scope.Includes(needed) {
		return nil
	}
	c.Set(fiber.HeaderWWWAuthenticate, challengeScope+`, scope="`+string(needed)+`"`)
	return services.ErrScope
}
