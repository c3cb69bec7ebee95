package middleware_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware"
	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/session"
	"example.com/prefab/services"
)

// secrets is a store of tokens by hash.
type secrets struct {
	services.TokenStore
	byHash map[string]services.Token
}

func (s *secrets) Create(_ context.Context, t services.Token) (services.Token, error) {
	t.ID = int64(len(s.byHash)) + 1
	s.byHash[t.Hash] = t
	return t, nil
}

func (s *secrets) Find(_ context.Context, hash string) (services.Token, error) {
	if t, ok := s.byHash[hash]; ok {
		return t, nil
	}
	return services.Token{}, services.ErrNoToken
}

func TestGuards_ATokenPassesByScopeAndRole(t *testing.T) {
	store := &userStore{role: services.Admin}
	users := services.NewUsers(store, nil, nil)
	tokens := services.NewTokens(&secrets{byHash: make(map[string]services.Token)}, users)
	sessions := session.New(session.Config{Storage: new(storage), TTL: time.Hour})
	guards := middleware.NewGuards(sessions, users, tokens)
	app := fibertest.New()
	app.Post("/sign-in", func(c *fiber.Ctx) error { return sessions.Start(c, 9, 0) })
	name := func(c *fiber.Ctx) error {
		token, _ := services.TokenFrom(c.UserContext())
		user, _ := services.UserFrom(c.UserContext())
		return c.SendString(user.Name + " " + token.Name)
	}
	app.All("/public", guards.FindUser, name)
	app.All("/user", guards.RequireUser, name)
	app.All("/admin", guards.RequireAdmin, name)
	app.All("/session", guards.RequireSession, name)
	response, _ := fibertest.Send(t, app, "POST", "/sign-in")
	cookie, _, _ := strings.Cut(response.Header.Get("Set-Cookie"), ";")

	bearer := func(scope services.Scope) string {
		made, err := tokens.Create(t.Context(), services.User{ID: 7, Role: services.Admin}, services.TokenFields{
			Name: new("import"), Scope: new(string(scope)), ExpiresInDays: new(int64(1)),
		})
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + made.Secret
	}
	read, write, admin := bearer(services.ScopeRead), bearer(services.ScopeWrite), bearer(services.ScopeAdmin)
	const (
		ok       = ""
		bad      = `401 Bearer realm="prefab", error="invalid_token"`
		noScope  = `403 Bearer realm="prefab", error="insufficient_scope"`
		forWrite = noScope + `, scope="write"`
		forAdmin = noScope + `, scope="admin"`
	)
	for _, c := range []struct {
		what, token string
		role        services.Role
		method      string
		want        [4]string // of /public, /user, /admin, /session
	}{
		{"read", read, services.Admin, "GET", [4]string{ok, ok, forAdmin, noScope}},
		{"read", read, services.Admin, "HEAD", [4]string{ok, ok, forAdmin, noScope}},
		{"read", read, services.Admin, "POST", [4]string{ok, forWrite, forAdmin, noScope}},
		{"read", read, services.Admin, "PUT", [4]string{ok, forWrite, forAdmin, noScope}},
		{"read", read, services.Admin, "PATCH", [4]string{ok, forWrite, forAdmin, noScope}},
		{"read", read, services.Admin, "DELETE", [4]string{ok, forWrite, forAdmin, noScope}},
		{"read", read, services.Admin, "OPTIONS", [4]string{ok, forWrite, forAdmin, noScope}},
		{"write", write, services.Admin, "GET", [4]string{ok, ok, forAdmin, noScope}},
		{"write", write, services.Admin, "DELETE", [4]string{ok, ok, forAdmin, noScope}},
		{"admin", admin, services.Admin, "GET", [4]string{ok, ok, ok, noScope}},
		{"admin", admin, services.Admin, "DELETE", [4]string{ok, ok, ok, noScope}},
		{"admin of who was one", admin, services.Member, "DELETE", [4]string{ok, ok, "403 ", noScope}},
		{"unknown", "Bearer prefab_ABCDEFGHIJKLMNOPQRSTUVWXYZ", services.Admin, "GET", [4]string{ok, bad, bad, noScope}},
		{"garbage", "bearer \t\xff" + strings.Repeat("x", 3000), services.Admin, "GET", [4]string{ok, bad, bad, noScope}},
		{"nothing", "Bearer", services.Admin, "GET", [4]string{ok, bad, bad, noScope}},
		{"another scheme", "Basic " + read[7:], services.Admin, "GET", [4]string{ok, "401 ", "401 ", "401 "}},
	} {
		store.role = c.role
		for i, path := range []string{"/public", "/user", "/admin", "/session"} {
			response, body := fibertest.Send(t, app, c.method, path, "Authorization", c.token)
			challenge := response.Header.Get("WWW-Authenticate")
			got := response.Status[:3] + " " + challenge
			if c.want[i] == ok && (response.StatusCode != 200 || challenge != "") || c.want[i] != ok && got != c.want[i] {
				t.Errorf("%s, %s %s: %s %s, want %q", c.what, c.method, path, got, body, c.want[i])
			}
		}
	}
	// With a session too, the token decides.
	store.role = services.Admin
	if response, body := fibertest.Send(t, app, "GET", "/user", "Cookie", cookie); response.StatusCode != 200 || body != "Ada " {
		t.Fatalf("the session is not one: %d %s", response.StatusCode, body)
	}
	for _, c := range []struct {
		token, path string
		want        string
	}{
		{read, "/user", "200 Ada import"}, {read, "/admin", "403 Forbidden"}, {read, "/session", "403 Forbidden"},
		{"Bearer prefab_ABCDEFGHIJKLMNOPQRSTUVWXYZ", "/user", "401 Unauthorized"},
		{"Bearer prefab_ABCDEFGHIJKLMNOPQRSTUVWXYZ", "/public", "200  "},
	} {
		response, body := fibertest.Send(t, app, "GET", c.path, "Cookie", cookie, "Authorization", c.token)
		if got := response.Status[:3] + " " + body; got != c.want {
			t.Errorf("%s with both: %s, want %s", c.path, got, c.want)
		}
	}
}

func TestPerToken_CountsTokensAndElseUsers(t *testing.T) {
	limits, counts := countingLimits()
	app := fibertest.New()
	app.Use(func(c *fiber.Ctx) error {
		ctx := services.WithUser(c.UserContext(), services.User{ID: 7})
		if id := c.QueryInt("token"); id != 0 {
			ctx = services.WithToken(ctx, services.Token{ID: int64(id)})
		}
		c.SetUserContext(ctx)
		return c.Next()
	})
	app.Get("/", limits.PerToken("reports", 9, time.Minute), fibertest.OK)
	for _, path := range []string{"/?token=1", "/?token=1", "/?token=2", "/"} {
		fibertest.Send(t, app, "GET", path)
	}
	if len(counts) != 3 || counts["reports:token:1"] != 2 || counts["reports:user:7"] != 1 {
		t.Errorf("the counts are %v", counts)
	}
}
