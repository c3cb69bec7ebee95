package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware"
	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/session"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// userStore has one user, or an error, or hangs until the call ends.
type userStore struct {
	services.UserStore
	role    services.Role
	version int64
	err     error
	hang    bool
}

func (s *userStore) Get(ctx context.Context, id int64) (services.User, error) {
	if s.hang {
		<-ctx.Done()
		return services.User{}, ctx.Err()
	}
	return services.User{ID: id, Name: "Ada", Role: s.role, CredentialsVersion: s.version}, s.err
}

// storage is a fiber.Storage in memory, which may be away.
type storage struct {
	sync.Map
	away bool
}

func (s *storage) Get(key string) ([]byte, error) {
	if s.away {
		return nil, errors.New("away")
	}
	value, _ := s.Load(key)
	stored, _ := value.([]byte)
	return stored, nil
}

func (s *storage) Set(key string, value []byte, _ time.Duration) error {
	s.Store(key, value)
	return nil
}
func (s *storage) Delete(key string) error { s.Map.Delete(key); return nil }
func (s *storage) Reset() error            { return nil }
func (s *storage) Close() error            { return nil }

func TestGuards_LetPassByRole(t *testing.T) {
	store, kept := new(userStore), new(storage)
	sessions := session.New(session.Config{Storage: kept, TTL: time.Hour})
	guards := middleware.NewGuards(sessions, services.NewUsers(store, nil, nil), nil)
	app := fibertest.New()
	app.Post("/", func(c *fiber.Ctx) error { return sessions.Start(c, 7, 0) })
	name := func(c *fiber.Ctx) error {
		if err := c.UserContext().Err(); err != nil {
			t.Errorf("the handler's context is over: %v", err)
		}
		user, _ := services.UserFrom(c.UserContext())
		return c.SendString("hello " + user.Name)
	}
	app.Get("/public", guards.FindUser, name)
	app.Get("/user", guards.RequireUser, name)
	app.Get("/admin", guards.RequireAdmin, name)
	response, _ := fibertest.Send(t, app, "POST", "/")
	cookie, _, _ := strings.Cut(response.Header.Get("Set-Cookie"), ";")
	const over = "session=ABCDEFGHIJKLMNOPQRSTUVWXYZ"

	for _, c := range []struct {
		what                string
		store               userStore
		away                bool
		cookie              string
		name                string // on the public page
		public, user, admin int
	}{
		{"an admin", userStore{role: services.Admin}, false, cookie, "Ada", 200, 200, 200},
		{"a member", userStore{role: services.Member}, false, cookie, "Ada", 200, 200, 403},
		{"no cookie", userStore{}, false, "", "", 200, 401, 401},
		{"a session that is over", userStore{}, false, over, "", 200, 401, 401},
		{"a session of other credentials", userStore{role: services.Admin, version: 1}, false, cookie, "", 200, 401, 401},
		{"a user who is gone", userStore{err: services.ErrNoUser}, false, cookie, "", 200, 401, 401},
		{"no PostgreSQL", userStore{err: problem.ErrUnavailable}, false, cookie, "", 200, 503, 503},
		{"no Redis", userStore{}, true, cookie, "", 200, 503, 503},
		{"a fault", userStore{err: errors.New("broken")}, false, cookie, "", 500, 500, 500},
	} {
		*store, kept.away = c.store, c.away
		for path, want := range map[string]int{"/public": c.public, "/user": c.user, "/admin": c.admin} {
			response, body := fibertest.Send(t, app, "GET", path, "Cookie", c.cookie)
			if response.StatusCode != want || path == "/public" && want == 200 && body != "hello "+c.name {
				t.Errorf("%s, %s: %d %q, want %d", c.what, path, response.StatusCode, body, want)
			}
		}
	}
}

func TestFindUser_GivesUpOnASlowStore(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	kept := new(storage)
	sessions := session.New(session.Config{Storage: kept, TTL: time.Hour})
	app := fibertest.New()
	app.Post("/", func(c *fiber.Ctx) error { return sessions.Start(c, 7, 0) })
	app.Get("/", middleware.NewGuards(sessions, services.NewUsers(&userStore{hang: true}, nil, nil), nil).FindUser, fibertest.OK)
	response, _ := fibertest.Send(t, app, "POST", "/")
	cookie, _, _ := strings.Cut(response.Header.Get("Set-Cookie"), ";")
	if response, _ = fibertest.Send(t, app, "GET", "/", "Cookie", cookie); response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
}
