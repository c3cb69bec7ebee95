// Package middleware holds the guards of routes: who may use them. What is not about this
// service's users is in the packages below.
package middleware

import (
	"context"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/session"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// Guards let requests pass, or not, by who makes them. Handlers get the user by
// services.UserFrom.
type Guards struct {
	sessions *session.Sessions
	users    *services.Users
	tokens   *services.Tokens
}

// NewGuards returns guards by the sessions and the tokens of users.
func NewGuards(sessions *session.Sessions, users *services.Users, tokens *services.Tokens) *Guards {
	return &Guards{sessions: sessions, users: users, tokens: tokens}
}

// RequireUser lets signed-in users pass, and tokens whose scope has the request's method.
func (g *Guards) RequireUser(c *fiber.Ctx) error { return g.require(c, services.Member) }

// RequireAdmin lets admins pass, and their tokens with the scope admin.
func (g *Guards) RequireAdmin(c *fiber.Ctx) error { return g.require(c, services.Admin) }

func (g *Guards) require(c *fiber.Ctx, role services.Role) error {
	user, err := g.find(c.UserContext(), c)
	if err != nil {
		challenge(c, err)
		return err
	}
	c.SetUserContext(services.WithUser(c.UserContext(), user)) // the page of the error shows the name
	if role == services.Admin && !user.IsAdmin() {
		return services.ErrAdminNeeded
	}
	if err := checkScope(c, role); err != nil {
		return err
	}
	return c.Next()
}

// userLookupTimeout bounds how long a public page waits to learn who reads it.
const userLookupTimeout = time.Second

// FindUser lets everybody pass, and finds the user of who is signed in. A page should be
// there without Redis and PostgreSQL too: while they cannot be reached, everybody is a
// visitor. A route that changes something needs RequireUser or RequireAdmin.
func (g *Guards) FindUser(c *fiber.Ctx) error {
	if _, sent := bearer(c); !sent && !g.sessions.HasCookie(c) {
		return c.Next()
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), userLookupTimeout)
	defer cancel()
	user, err := g.find(ctx, c)
	switch code := problem.CodeOf(err); {
	case err == nil:
		c.SetUserContext(services.WithUser(c.UserContext(), user))
	case code == problem.Unauthenticated, code == problem.Unavailable, errors.Is(err, context.DeadlineExceeded):
	default:
		return err
	}
	cancel()
	return c.Next()
}

// find returns the user of the request's token, or else of its session, or
// services.ErrSignInNeeded.
func (g *Guards) find(ctx context.Context, c *fiber.Ctx) (services.User, error) {
	if secret, sent := bearer(c); sent {
		return g.findByToken(ctx, c, secret)
	}
	id, version, err := g.sessions.UserID(c)
	if errors.Is(err, session.ErrNone) {
		return services.User{}, services.ErrSignInNeeded
	}
	if err != nil {
		return services.User{}, err
	}
	user, err := g.users.Get(ctx, id)
	if errors.Is(err, services.ErrNoUser) || err == nil && user.CredentialsVersion != version {
		return services.User{}, services.ErrSignInNeeded
	}
	return user, err
}
