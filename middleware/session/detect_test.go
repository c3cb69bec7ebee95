package session_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/session"
	"example.com/prefab/services/tracing"
)

const visitor, signedIn = "", "session=ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// A handler may refuse by an error, or by a status alone.
func TestDetect_SetsTheCookieAfterWritesThatSucceed(t *testing.T) {
	sessions := session.New(session.Config{})
	app := fibertest.New()
	app.Use(sessions.Detect)
	app.All("/status", func(c *fiber.Ctx) error { return c.SendStatus(c.QueryInt("is")) })
	app.All("/error", func(c *fiber.Ctx) error { return fiber.NewError(c.QueryInt("is")) })
	app.All("/unforeseen", func(*fiber.Ctx) error { return errors.New("unforeseen") })
	for _, method := range []string{"POST", "DELETE", "GET", "HEAD"} {
		writes := method == "POST" || method == "DELETE"
		for target, done := range map[string]bool{
			"/status?is=201": true, "/status?is=303": true, "/status?is=409": false, "/error?is=503": false, "/unforeseen": false,
		} {
			for _, cookie := range []string{signedIn, visitor, "session=x"} {
				response, _ := fibertest.Send(t, app, method, target, "Cookie", cookie)
				got := strings.HasPrefix(response.Header.Get("Set-Cookie"), "recent-write=1;")
				if want := writes && done && cookie == signedIn; got != want {
					t.Errorf("%s %s with %q: a write is noted: %v, want %v", method, target, cookie, got, want)
				}
			}
		}
	}
}

func TestDetect_ReadsFreshAfterAWrite(t *testing.T) {
	const secure = "__Host-"
	for _, test := range []struct {
		what, cookie string
		secure       bool
		fresh        bool
	}{
		{"a session that has written", signedIn + "; recent-write=1", false, true},
		{"a session that has not", signedIn, false, false},
		{"the note without a session", "recent-write=1", false, false},
		{"a visitor", visitor, false, false},
		{"over https, a session that has written", secure + signedIn + "; " + secure + "recent-write=1", true, true},
		{"over https, a note that another host could set", secure + signedIn + "; recent-write=1", true, false},
		{"over https, a session that another host could set", signedIn + "; " + secure + "recent-write=1", true, false},
	} {
		sessions := session.New(session.Config{Secure: test.secure})
		app := fibertest.New()
		var fresh []bool
		app.Use(sessions.Detect)
		app.All("/", func(c *fiber.Ctx) error {
			trace := tracing.From(c.UserContext())
			fresh = append(fresh, trace.Fresh, trace.ReadsFresh())
			return nil
		})
		fibertest.Send(t, app, "GET", "/", "Cookie", test.cookie)
		fibertest.Send(t, app, "POST", "/", "Cookie", test.cookie) // which reads what it changes
		if want := slices.Repeat([]bool{test.fresh}, 4); !slices.Equal(fresh, want) {
			t.Errorf("%s: reads fresh is %v, want %v", test.what, fresh, want)
		}
	}
}

func TestDetect_MarksTheAnswerAsPrivate(t *testing.T) {
	app := fibertest.New()
	app.Get("/", session.New(session.Config{}).Detect, func(c *fiber.Ctx) error {
		return c.JSON(tracing.From(c.UserContext()).Private())
	})
	for cookie, want := range map[string]string{visitor: "false", "session=x": "false", signedIn: "true"} {
		if _, got := fibertest.Send(t, app, "GET", "/", "Cookie", cookie); got != want {
			t.Errorf("%q: private is %s", cookie, got)
		}
	}
	bare := fiber.New()
	bare.Get("/", session.New(session.Config{}).Detect, fibertest.OK)
	if response, _ := fibertest.Send(t, bare, "GET", "/", "Cookie", signedIn+"; recent-write=1"); response.StatusCode != 200 {
		t.Errorf("without a trace: status %d", response.StatusCode)
	}
}
