package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/storage/redis/v3"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/middleware"
	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// register is a store of users that gives one, or an error, or nothing until the call ends.
type register struct {
	services.UserStore
	err      error
	hang     bool
	deadline time.Time // of the last call
}

func (r *register) Get(ctx context.Context, id int64) (services.User, error) {
	r.deadline, _ = ctx.Deadline()
	if r.hang {
		<-ctx.Done()
		return services.User{}, ctx.Err()
	}
	return services.User{ID: id, Name: "Ada"}, r.err
}

func TestFindUser_LetsEverybodyPassAndHidesNoFault(t *testing.T) {
	client, err := redisclient.Open(devtest.Redis(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	users := new(register)
	sessions := middleware.NewSessions(middleware.SessionConfig{
		Storage: middleware.Prefix(redis.NewFromConnection(client), "test:"), TTL: time.Hour,
	}, services.NewUsers(users, nil, nil))
	app, _, _ := newApp()
	app.Use(trace)
	app.Post("/", func(c *fiber.Ctx) error { return sessions.Start(c, 7) })
	app.Get("/", sessions.FindUser, func(c *fiber.Ctx) error {
		if err := c.UserContext().Err(); err != nil {
			t.Errorf("what the page has left is %v", err)
		}
		user, ok := services.UserFrom(c.UserContext())
		if !ok {
			return c.SendString("a visitor")
		}
		return c.SendString(user.Name)
	})
	response, _ := send(t, app, "POST", "/")
	cookie, _, _ := strings.Cut(response.Header.Get("Set-Cookie"), ";")

	for name, c := range map[string]struct {
		users  register
		cookie string
		status int
		body   string
	}{
		"signed in":              {register{}, cookie, 200, "Ada"},
		"no cookie":              {register{}, "", 200, "a visitor"},
		"a session that is over": {register{}, signedIn, 200, "a visitor"},
		"a user who is gone":     {register{err: services.ErrNoUser}, cookie, 200, "a visitor"},
		"users are away":         {register{err: problem.ErrUnavailable}, cookie, 200, "a visitor"},
		"users hang":             {register{hang: true}, cookie, 200, "a visitor"},
		"a fault of ours":        {register{err: errors.New("broken")}, cookie, 500, "Something went wrong."},
	} {
		*users = c.users
		asked := time.Now()
		response, body := send(t, app, "GET", "/", "Cookie", c.cookie)
		if response.StatusCode != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s: %d %s, want %d %s", name, response.StatusCode, body, c.status, c.body)
		}
		if name == "signed in" && (users.deadline.IsZero() || users.deadline.After(asked.Add(2*time.Second))) {
			t.Errorf("%s: a name may take until %v after it was asked for", name, users.deadline.Sub(asked))
		}
	}

	// Guards fail closed where FindUser lets pass.
	guarded, _, _ := newApp()
	guarded.Use(trace)
	guarded.Get("/", sessions.RequireUser, ok)
	for want, err := range map[int]error{http.StatusUnauthorized: services.ErrNoUser, http.StatusServiceUnavailable: problem.ErrUnavailable} {
		*users = register{err: err}
		if response, _ := send(t, guarded, "GET", "/", "Cookie", cookie); response.StatusCode != want {
			t.Errorf("%v: %d, want %d", err, response.StatusCode, want)
		}
	}
}

func TestRequireUser_TellsSessionsApart(t *testing.T) {
	client, err := redisclient.Open(devtest.Redis(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	sessions := middleware.NewSessions(middleware.SessionConfig{
		Storage: middleware.Prefix(redis.NewFromConnection(client), "test:"), TTL: time.Hour,
	}, services.NewUsers(new(register), nil, nil))
	app, _, _ := newApp()
	app.Use(trace)
	app.Post("/:id", func(c *fiber.Ctx) error {
		id, _ := c.ParamsInt("id")
		return sessions.Start(c, int64(id))
	})
	app.Get("/", sessions.RequireUser, func(c *fiber.Ctx) error {
		user, _ := services.UserFrom(c.UserContext())
		return c.JSON(user.ID)
	})
	cookies := make(map[string]string)
	for _, id := range []string{"7", "8"} {
		response, _ := send(t, app, "POST", "/"+id)
		cookies[id], _, _ = strings.Cut(response.Header.Get("Set-Cookie"), ";")
	}
	for range 3 {
		for id, cookie := range cookies {
			if response, body := send(t, app, "GET", "/", "Cookie", cookie); response.StatusCode != 200 || body != id {
				t.Errorf("the session of %s: %d %s", id, response.StatusCode, body)
			}
		}
	}
	for what, stored := range map[string]string{"damaged": "x", "empty": ""} {
		_, id, _ := strings.Cut(cookies["7"], "=")
		client.Set(t.Context(), "test:"+id, stored, 0)
		if response, _ := send(t, app, "GET", "/", "Cookie", cookies["7"]); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("a session that is %s: %d", what, response.StatusCode)
		}
	}
}
