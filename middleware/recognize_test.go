package middleware_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware"
	"example.com/prefab/services/tracing"
)

// A handler may refuse by an error, or by a status alone.
func TestRecognize_NotesAWriteThatWasDoneAndNoOther(t *testing.T) {
	sessions := middleware.NewSessions(middleware.SessionConfig{}, nil)
	app, _, _ := newApp()
	app.Use(sessions.Recognize)
	app.All("/status", func(c *fiber.Ctx) error { return c.SendStatus(c.QueryInt("is")) })
	app.All("/error", func(c *fiber.Ctx) error { return fiber.NewError(c.QueryInt("is")) })
	app.All("/unforeseen", func(*fiber.Ctx) error { return errors.New("unforeseen") })
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS"} {
		writes := !slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, method)
		for target, done := range map[string]bool{
			"/status?is=200": true, "/status?is=201": true, "/status?is=202": true, "/status?is=204": true,
			"/status?is=303": true,
			"/status?is=400": false, "/status?is=409": false, "/status?is=412": false, "/status?is=500": false,
			"/status?is=503": false, "/error?is=409": false, "/error?is=503": false, "/unforeseen": false,
		} {
			for whose, cookie := range map[string]string{
				"a session's": signedIn, "a visitor's": visitor, "a made-up session's": "session=x",
			} {
				response, _ := send(t, app, method, target, "Cookie", cookie)
				got := strings.HasPrefix(response.Header.Get("Set-Cookie"), "wrote=1;")
				if want := writes && done && cookie == signedIn; got != want {
					t.Errorf("%s %s %s: noted as a write is %v, want %v", whose, method, target, got, want)
				}
			}
		}
	}
}

func TestRecognize_WhoHasWrittenReadsFresh(t *testing.T) {
	const secure = "__Host-"
	for _, test := range []struct {
		what, cookie string
		secure       bool
		fresh        bool
	}{
		{"a session that has written", signedIn + "; wrote=1", false, true},
		{"a session that has not", signedIn, false, false},
		{"a session with an empty note", signedIn + "; wrote=", false, false},
		{"the note without a session", "wrote=1", false, false},
		{"the note with a made-up session", "session=x; wrote=1", false, false},
		{"a visitor", visitor, false, false},
		{"over https, a session that has written", secure + signedIn + "; " + secure + "wrote=1", true, true},
		{"over https, a note that another host could set", secure + signedIn + "; wrote=1", true, false},
		{"over https, a session that another host could set", signedIn + "; " + secure + "wrote=1", true, false},
	} {
		sessions := middleware.NewSessions(middleware.SessionConfig{Secure: test.secure}, nil)
		app, _, _ := newApp()
		var fresh []bool
		app.Use(trace, sessions.Recognize)
		app.All("/", func(c *fiber.Ctx) error {
			trace := tracing.From(c.UserContext())
			fresh = append(fresh, trace.Fresh, trace.ReadsFresh())
			return nil
		})
		send(t, app, "GET", "/", "Cookie", test.cookie)
		send(t, app, "POST", "/", "Cookie", test.cookie) // which reads what it changes
		if want := slices.Repeat([]bool{test.fresh}, 4); !slices.Equal(fresh, want) {
			t.Errorf("%s: reads fresh is %v, want %v", test.what, fresh, want)
		}
	}
}

func TestRecognize_NeedsNoTrace(t *testing.T) {
	app, _, _ := newApp()
	app.Use(middleware.NewSessions(middleware.SessionConfig{}, nil).Recognize)
	app.Get("/", ok)
	if response, _ := send(t, app, "GET", "/", "Cookie", signedIn+"; wrote=1"); response.StatusCode != fiber.StatusOK {
		t.Errorf("without a trace: status %d", response.StatusCode)
	}
}
