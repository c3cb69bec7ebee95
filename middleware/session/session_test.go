package session_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/storage/redis/v3"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/session"
	"example.com/prefab/repositories/redisclient"
)

func TestMain(m *testing.M) { devtest.Main(m) }

func TestSessions_HoldAUserUntilTheirEnd(t *testing.T) {
	client, err := redisclient.Open(devtest.Redis(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	storage := session.Prefix(redis.NewFromConnection(client), "test:")
	sessions := session.New(session.Config{Storage: storage, TTL: time.Hour})
	app := fibertest.New()
	app.Post("/:id", func(c *fiber.Ctx) error {
		id, _ := c.ParamsInt("id")
		return sessions.Start(c, int64(id), 3)
	})
	app.Get("/", func(c *fiber.Ctx) error {
		id, version, err := sessions.UserID(c)
		if errors.Is(err, session.ErrNone) {
			return fiber.ErrUnauthorized
		}
		return errors.Join(err, c.JSON([]int64{id, version}))
	})
	app.Delete("/", sessions.End)
	start := func(id, cookie string) string {
		response, _ := fibertest.Send(t, app, "POST", "/"+id, "Cookie", cookie)
		started, _, _ := strings.Cut(response.Header.Get("Set-Cookie"), ";")
		return started
	}
	cookies := map[string]string{"7": start("7", signedIn), "8": start("8", "session=x")}
	if cookies["7"] == signedIn {
		t.Error("a planted id has become a session")
	}
	for range 3 {
		for id, cookie := range cookies {
			if response, body := fibertest.Send(t, app, "GET", "/", "Cookie", cookie); response.StatusCode != 200 || body != "["+id+",3]" {
				t.Errorf("the session of %s: %d %s", id, response.StatusCode, body)
			}
		}
	}
	if storage.Reset() == nil {
		t.Error("a part of the storage has reset the whole")
	}
	want := func(status int, what, cookie string) {
		t.Helper()
		if response, _ := fibertest.Send(t, app, "GET", "/", "Cookie", cookie); response.StatusCode != status {
			t.Errorf("%s: %d, want %d", what, response.StatusCode, status)
		}
	}
	want(http.StatusUnauthorized, "no session", visitor)
	want(http.StatusUnauthorized, "an unknown session", signedIn)
	fibertest.Send(t, app, "DELETE", "/", "Cookie", cookies["8"])
	want(http.StatusUnauthorized, "an ended session", cookies["8"])
	for what, stored := range map[string]string{"a damaged session": "x", "an empty session": ""} {
		_, id, _ := strings.Cut(cookies["7"], "=")
		client.Set(t.Context(), "test:"+id, stored, 0)
		want(http.StatusUnauthorized, what, cookies["7"])
	}
	_ = client.Close()
	want(http.StatusServiceUnavailable, "without Redis", cookies["7"])
	if response, _ := fibertest.Send(t, app, "POST", "/7"); response.StatusCode != http.StatusServiceUnavailable ||
		response.Header.Get("Set-Cookie") != "" {
		t.Errorf("a start without Redis: %d, %v", response.StatusCode, response.Header)
	}
}
