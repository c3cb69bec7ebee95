// Package session stores who is signed in, by Fiber's session middleware. It promises that
//
//   - a session holds the user's id and the version of the user's credentials, and nothing
//     else: rights can be withdrawn, and all sessions of a user end when the version changes;
//   - visitors get no session, and public routes do not need the storage;
//   - the id is new at every sign-in, so an id that somebody planted before is worthless;
//   - an answer to a session is marked as private;
//   - a user who has just written something reads it, whichever process answers;
//   - another site cannot make a browser use its session.
//
// For example:
//
//	sessions := session.New(session.Config{Storage: storage, TTL: 24 * time.Hour})
//	app.Use(request.Trace(time.Minute, nil), sessions.SameOrigin, sessions.Detect)
//	app.Post("/login", session.SameOrigin, func(c *fiber.Ctx) error {
//		return sessions.Start(c, userID, version)
//	})
//	app.Get("/me", func(c *fiber.Ctx) error {
//		id, version, err := sessions.UserID(c) // or ErrNone
//		… // refuse the session unless this is still the user's version
//	})
package session

import (
	"bytes"
	"crypto/rand"
	"encoding/gob"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	fibersession "github.com/gofiber/fiber/v2/middleware/session"
	"github.com/maypok86/otter/v2"

	"example.com/prefab/services/problem"
)

// ErrNone says that the request has no session, or one that is over.
var ErrNone = errors.New("no session")

// Sessions are the sessions of one storage.
type Sessions struct {
	store   *fibersession.Store
	cookie  string // the session's
	written string // the cookie of a recent write
	secure  bool

	// decoded are holders by the stored bytes of their sessions. It is an otter.Cache, but an
	// interface, or the compiler would compile otter again in each package that mentions Sessions.
	decoded interface {
		GetIfPresent(stored string) (holder, bool)
		Set(stored string, h holder) (holder, bool)
	}
}

// holder is whose session it is.
type holder struct{ id, version int64 }

// Config says how sessions are stored.
type Config struct {
	Storage fiber.Storage
	TTL     time.Duration // from sign-in; requests do not extend it
	Secure  bool          // https only, and for this host only
	Suffix  string        // of the cookies' names, if not Secure
}

const (
	holderKey = "holder" // of the user's id and the version
	idLength  = 26       // of rand.Text

	maxDecoded = 10_000 // users in memory
)

// New returns sessions.
func New(cfg Config) *Sessions {
	cookie, written := "session"+cfg.Suffix, "recent-write"+cfg.Suffix
	if cfg.Secure {
		// A browser takes cookies with this prefix only from this host, over https.
		cookie, written = "__Host-session", "__Host-recent-write"
	}
	return &Sessions{
		cookie: cookie, written: written, secure: cfg.Secure,
		decoded: otter.Must(&otter.Options[string, holder]{MaximumSize: maxDecoded}),
		store: fibersession.New(fibersession.Config{
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

// UserID returns the id of the user whose session the request has, and the version of the
// credentials that it was started with, or ErrNone. The error is problem.ErrUnavailable if
// the storage cannot be reached.
func (s *Sessions) UserID(c *fiber.Ctx) (id, version int64, err error) {
	if !s.HasCookie(c) {
		return 0, 0, ErrNone
	}
	stored, err := s.store.Storage.Get(c.Cookies(s.cookie))
	if err != nil {
		return 0, 0, unavailable("read the session", err)
	}
	h, ok := s.decode(stored)
	if !ok {
		return 0, 0, ErrNone
	}
	return h.id, h.version, nil
}

// decode returns the holder in a stored session. Decoding Fiber's gob takes longer than
// Redis takes to answer, and all sessions of a user are the same bytes, so the result is
// cached.
func (s *Sessions) decode(stored []byte) (h holder, ok bool) {
	if h, ok = s.decoded.GetIfPresent(string(stored)); ok {
		return h, true
	}
	var data map[string]any
	if gob.NewDecoder(bytes.NewReader(stored)).Decode(&data) != nil {
		return holder{}, false
	}
	pair, _ := data[holderKey].([]int64) // a type that gob knows; another one would have to be registered for all
	if len(pair) != 2 {
		return holder{}, false
	}
	h = holder{id: pair[0], version: pair[1]}
	s.decoded.Set(string(stored), h)
	return h, true
}

// Start starts a session of the user, under a new id. It is good until its time is over,
// or the version of the user's credentials is another one.
func (s *Sessions) Start(c *fiber.Ctx, userID, version int64) error {
	if !s.HasCookie(c) {
		c.Request().Header.DelCookie(s.cookie)
	}
	sess, err := s.store.Get(c)
	if err != nil {
		return unavailable("open a session", err)
	}
	if err := sess.Regenerate(); err != nil {
		return unavailable("renew the session's id", err)
	}
	sess.Set(holderKey, []int64{userID, version})
	if err := sess.Save(); err != nil {
		c.Response().Header.DelCookie(s.cookie) // Fiber has set it before the storage failed
		return unavailable("save the session", err)
	}
	return nil
}

// End destroys the request's session, if there is one, and its cookie.
func (s *Sessions) End(c *fiber.Ctx) error {
	if !s.HasCookie(c) {
		return nil
	}
	sess, err := s.store.Get(c)
	if err != nil {
		return unavailable("read the session", err)
	}
	if err := sess.Destroy(); err != nil {
		return unavailable("end the session", err)
	}
	return nil
}

// HasCookie reports whether the request has a cookie of the session's form. Another one
// would only cost a look-up, or be a guess at another key of the storage.
func (s *Sessions) HasCookie(c *fiber.Ctx) bool {
	id := c.Cookies(s.cookie)
	const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	return len(id) == idLength && strings.Trim(id, base32) == ""
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, problem.ErrUnavailable, err)
}
