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
	app.Use(request.SecurityHeaders())
	app.Get("/", fibertest.OK)
	for path, status := range map[string]int{"/": 200, "/nowhere": 404} {
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

func TestSecurityHeaders_AskForHTTPSOnlyIfATrustedProxySpeaksIt(t *testing.T) {
	for peer, want := range map[string]string{"0.0.0.0": "max-age=31536000", "192.0.2.1": ""} { // app.Test sends from 0.0.0.0
		app := fiber.New(fiber.Config{EnableTrustedProxyCheck: true, TrustedProxies: []string{peer}})
		app.Use(request.SecurityHeaders())
		response, _ := fibertest.Send(t, app, "GET", "/", fiber.HeaderXForwardedProto, "https")
		if got := response.Header.Get("Strict-Transport-Security"); got != want {
			t.Errorf("with the proxy %s: %q, want %q", peer, got, want)
		}
	}
}
