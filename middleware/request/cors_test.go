package request_test

import (
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/request"
)

func corsApp(origins ...string) *fiber.App {
	app := fibertest.New()
	app.Use(request.CORS(origins))
	app.Get("/", fibertest.OK)
	app.Post("/", func(*fiber.Ctx) error { return fiber.ErrForbidden })
	return app
}

func TestCORS_AnswersByOrigin(t *testing.T) {
	for _, c := range []struct{ allowed, origin, want string }{
		{"https://a.example,http://localhost:5173", "https://a.example", "https://a.example"},
		{"https://a.example,http://localhost:5173", "http://localhost:5173", "http://localhost:5173"},
		{"https://a.example", "http://a.example", ""},
		{"https://a.example", "https://a.example:8443", ""},
		{"https://a.example", "https://a.example.evil.example", ""},
		{"https://a.example", "https://sub.a.example", ""},
		{"https://a.example", "null", ""},
		{"*", "https://a.example", "*"},
		{"*", "null", "*"},
	} {
		app := corsApp(strings.Split(c.allowed, ",")...)
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			response, _ := fibertest.Send(t, app, method, "/", "Origin", c.origin, "Access-Control-Request-Method", "POST")
			header := response.Header
			if got := header.Get("Access-Control-Allow-Origin"); got != c.want || header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s to %s: allows %q, want %q", c.origin, c.allowed, got, c.want)
			}
			if vary := header.Get("Vary"); c.allowed != "*" && !strings.Contains(vary, "Origin") {
				t.Errorf("%s of %s: Vary: %s", method, c.origin, vary)
			}
			if c.allowed == "*" && method == "GET" && header.Get("Vary") != "" {
				t.Errorf("Vary: %s, although all get the same", header.Get("Vary"))
			}
		}
	}
}

func TestCORS_ErrorsTellWhatScriptsMayRead(t *testing.T) {
	response, _ := fibertest.Send(t, corsApp("https://a.example"), "POST", "/", "Origin", "https://a.example")
	read := response.Header.Get("Access-Control-Expose-Headers")
	for _, name := range []string{"ETag", "Location", "X-Request-Id", "RateLimit", "Retry-After", "WWW-Authenticate"} {
		if !strings.Contains(strings.ToLower(","+read+","), strings.ToLower(","+name+",")) {
			t.Errorf("scripts cannot read %s, only %s", name, read)
		}
	}
}

func TestCORS_PreflightsAreAnsweredForAllMethodsAndHeaders(t *testing.T) {
	response, body := fibertest.Send(t, corsApp("https://a.example"), "OPTIONS", "/", "Origin", "https://a.example",
		"Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization,content-type,if-match")
	for name, want := range map[string]string{
		"Access-Control-Allow-Methods": "GET,POST,HEAD,PUT,DELETE,PATCH",
		"Access-Control-Allow-Headers": "authorization,content-type,if-match",
		"Access-Control-Max-Age":       "7200",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if response.StatusCode != fiber.StatusNoContent || body != "" {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}

func TestCORS_WithoutOriginsChangesNothing(t *testing.T) {
	app := corsApp()
	for _, method := range []string{"GET", "OPTIONS"} {
		response, _ := fibertest.Send(t, app, method, "/", "Origin", "https://a.example", "Access-Control-Request-Method", "GET")
		for name := range response.Header {
			if strings.HasPrefix(name, "Access-Control") || name == "Vary" {
				t.Errorf("%s has %s", method, name)
			}
		}
	}
}
