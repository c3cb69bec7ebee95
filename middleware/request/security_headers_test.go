package request_test

import (
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/request"
)

func TestSecurityHeaders_StandOnEveryAnswer(t *testing.T) {
	app := fibertest.New()
	app.Use(request.SecurityHeaders(), request.Recover())
	app.Get("/", fibertest.OK)
	app.Get("/panics", func(*fiber.Ctx) error { panic("out of cheese") })
	for path, status := range map[string]int{"/": 200, "/nowhere": 404, "/panics": 500} {
		response, _ := fibertest.Send(t, app, "GET", path)
		if response.StatusCode != status {
			t.Errorf("%s: status %d", path, response.StatusCode)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"Referrer-Policy":              "same-origin",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cross-Origin-Embedder-Policy": "unsafe-none",
			"Strict-Transport-Security":    "", // not over http
		} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := response.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'self'") || !strings.Contains(policy, "frame-ancestors 'none'") ||
			strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
	}
}

func TestSecurityHeaders_AskForHTTPSOnlyWhereATrustedProxySpeaksIt(t *testing.T) {
	const peer = "0.0.0.0" // of a request by app.Test
	for _, trusted := range []bool{true, false} {
		config := fiber.Config{EnableTrustedProxyCheck: true}
		if trusted {
			config.TrustedProxies = []string{peer}
		}
		app := fiber.New(config)
		app.Use(request.SecurityHeaders())
		app.Get("/", fibertest.OK)
		response, _ := fibertest.Send(t, app, "GET", "/", fiber.HeaderXForwardedProto, "https")
		got := response.Header.Get("Strict-Transport-Security")
		if want := map[bool]string{true: "max-age=31536000"}[trusted]; got != want {
			t.Errorf("trusted %v: %q, want %q", trusted, got, want)
		}
	}
}
