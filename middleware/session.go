package middleware

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/gob"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/session"
	"github.com/maypok86/otter/v2"

	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// Sessions keep who is signed in, by Fiber's session middleware. A session holds
// the user's id and nothing else: what the user may do is for the store of users to
// say, so that it can be taken away. Only guarded routes touch the storage; visitors
// get no session, and public pages do not need the storage to be up.
type Sessions struct {
	store   *session.Store
	decoded *otter.Cache[string, int64] // the user's id in what is stored of a session
	users   *services.Users
	cookie  string // the session's
	wrote   string // the cookie of a recent write
	secure  bool
}

// SessionConfig says how sessions are kept.
type SessionConfig struct {
	Storage fiber.Storage
	TTL     time.Duration // from sign-in; use does not prolong it
	Secure  bool          // https only, and bound to this host
	Suffix  string        // of the cookies' names, where they are not secure
}

const (
	userKey  = "user"
	idLength = 26 // of rand.Text

	maxDecoded = 10_000 // users in memory
)

// NewSessions returns sessions of users.
func NewSessions(cfg SessionConfig, users *services.Users) *Sessions {
	cookie, wrote := "session"+cfg.Suffix, "wrote"+cfg.Suffix
	if cfg.Secure {
		cookie, wrote = "__Host-session", "__Host-wrote" // a browser takes these from this host alone, by https
	}
	return &Sessions{
		users: users, cookie: cookie, wrote: wrote, secure: cfg.Secure,
		decoded: otter.Must(&otter.Options[string, int64]{MaximumSize: maxDecoded}),
		store: session.New(session.Config{
			Storage:        cfg.Storage,
			Expiration:     cfg.TTL,
			KeyLookup:      "cookie:" + cookie,
			KeyGenerator:   rand.Text,
			CookiePath:     "/",
			CookieHTTPOnly: true,
			CookieSecure:   cfg.Secure,
			CookieSameSite: fiber.CookieSameSiteLaxMode,
		}),
	}
}

// Cookie is the name of the session's cookie.
func (s *Sessions) Cookie() string { return s.cookie }

// RequireUser lets only signed-in users pass; handlers find the user by
// services.UserFrom.
func (s *Sessions) RequireUser(c *fiber.Ctx) error {
	if err := s.load(c); err != nil {
		return err
	}
	return c.Next()
}

// RequireAdmin lets only admins pass.
func (s *Sessions) RequireAdmin(c *fiber.Ctx) error {
	if err := s.load(c); err != nil {
		return err
	}
	if user, _ := services.UserFrom(c.UserContext()); !user.IsAdmin() {
		return services.ErrAdminNeeded
	}
	return c.Next()
}

// nameWait bounds what a page waits for PostgreSQL to learn who reads it. Redis has
// bounds of its own, and is asked first.
const nameWait = time.Second

// FindUser lets everybody pass; of who is signed in, handlers find the user by
// services.UserFrom. A page should be there without Redis too, so while sessions
// cannot be read everybody is a visitor. What changes something needs a guard.
func (s *Sessions) FindUser(c *fiber.Ctx) error {
	if !s.given(c) {
		return c.Next()
	}
	ctx := c.UserContext()
	limited, cancel := context.WithTimeout(ctx, nameWait)
	c.SetUserContext(limited)
	err := s.load(c)
	cancel()
	user, known := services.UserFrom(c.UserContext())
	c.SetUserContext(ctx)
	switch code := problem.CodeOf(err); {
	case known:
		c.SetUserContext(services.WithUser(ctx, user))
	case code == problem.Unauthenticated, code == problem.Unavailable, errors.Is(err, context.DeadlineExceeded):
	default:
		return err
	}
	return c.Next()
}

func (s *Sessions) load(c *fiber.Ctx) error {
	if !s.given(c) {
		return services.ErrSignInNeeded
	}
	stored, err := s.store.Storage.Get(c.Cookies(s.cookie))
	if err != nil {
		return away("read the session", err)
	}
	id, ok := s.userID(stored)
	if !ok {
		return services.ErrSignInNeeded
	}
	user, err := s.users.Get(c.UserContext(), id)
	if errors.Is(err, services.ErrNoUser) {
		return services.ErrSignInNeeded
	}
	if err != nil {
		return err
	}
	c.SetUserContext(services.WithUser(c.UserContext(), user))
	return nil
}

// userID is the user's in what Fiber's middleware has stored of a session. Its gob takes
// longer to decode than Redis takes to answer, and all sessions of a user are the same
// bytes; so these are decoded once.
func (s *Sessions) userID(stored []byte) (id int64, ok bool) {
	if id, ok = s.decoded.GetIfPresent(string(stored)); ok {
		return id, true
	}
	var data map[string]any
	if gob.NewDecoder(bytes.NewReader(stored)).Decode(&data) != nil {
		return 0, false
	}
	if id, ok = data[userKey].(int64); ok {
		s.decoded.Set(string(stored), id)
	}
	return id, ok
}

// Start opens a session of the user, under a new id: one that somebody planted
// in the browser before the sign-in is worth nothing after it.
func (s *Sessions) Start(c *fiber.Ctx, userID int64) error {
	if !s.given(c) {
		c.Request().Header.DelCookie(s.cookie)
	}
	sess, err := s.store.Get(c)
	if err != nil {
		return away("open a session", err)
	}
	if err := sess.Regenerate(); err != nil {
		return away("renew the session's id", err)
	}
	sess.Set(userKey, userID)
	if err := sess.Save(); err != nil {
		c.Response().Header.DelCookie(s.cookie) // it was set before the storage refused
		return away("save the session", err)
	}
	return nil
}

// End destroys the request's session, if there is one, and its cookie.
func (s *Sessions) End(c *fiber.Ctx) error {
	if !s.given(c) {
		return nil
	}
	sess, err := s.store.Get(c)
	if err != nil {
		return away("read the session", err)
	}
	if err := sess.Destroy(); err != nil {
		return away("end the session", err)
	}
	return nil
}

// given reports whether the request has a cookie that could be ours. Another
// shape would only be a wasted look-up, or somebody's try at an odd key.
func (s *Sessions) given(c *fiber.Ctx) bool {
	id := c.Cookies(s.cookie)
	const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	return len(id) == idLength && strings.Trim(id, base32) == ""
}

func away(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, problem.ErrUnavailable, err)
}
