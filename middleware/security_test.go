package middleware_test

import (
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/middleware"
)

func TestSameOrigin_RefusesWhatAnotherSiteMakesABrowserSend(t *testing.T) {
	app, _, _ := newApp()
	app.Use(middleware.SameOrigin())
	app.All("/", ok)
	const site, origin = "Sec-Fetch-Site", "Origin"
	for _, c := range []struct {
		what    string
		headers []string
		passes  bool
	}{
		{"no browser", nil, true},
		{"our own page", []string{site, "same-origin", origin, "http://example.com"}, true},
		{"typed by the user", []string{site, "none"}, true},
		{"another site", []string{site, "cross-site", origin, "https://evil.example"}, false},
		{"another site without Origin", []string{site, "cross-site"}, false},
		{"a sibling", []string{site, "same-site", origin, "http://other.example.com"}, false},
		{"another site that names our origin", []string{site, "cross-site", origin, "http://example.com"}, false},
		{"an old browser on our page", []string{origin, "http://example.com"}, true},
		{"an old browser elsewhere", []string{origin, "http://evil.example"}, false},
		{"an old browser on another port", []string{origin, "http://example.com:8080"}, false},
		{"an old browser on a longer name", []string{origin, "http://example.com.evil.example"}, false},
		{"a sandboxed frame", []string{origin, "null"}, false},
		{"garbage", []string{origin, "://"}, false},
		{"garbage as the site", []string{site, "garbage"}, false},
	} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"} {
			safe := method == "GET" || method == "HEAD" || method == "OPTIONS"
			want := fiber.StatusForbidden
			if safe || c.passes {
				want = fiber.StatusOK
			}
			if response, _ := send(t, app, method, "/", c.headers...); response.StatusCode != want {
				t.Errorf("%s, %s: status %d, want %d", c.what, method, response.StatusCode, want)
			}
		}
	}
}

func TestSecurityHeaders_StandOnEveryAnswer(t *testing.T) {
	app, _, _ := newApp()
	app.Use(middleware.SecurityHeaders(), middleware.Recover())
	app.Get("/", ok)
	app.Get("/panics", func(*fiber.Ctx) error { panic("out of cheese") })
	for path, status := range map[string]int{"/": 200, "/nowhere": 404, "/panics": 500} {
		response, _ := send(t, app, "GET", path)
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
		config := fiber.Config{EnableTrustedProxyCheck: true, ErrorHandler: rest.ErrorHandler(nil, nil)}
		if trusted {
			config.TrustedProxies = []string{peer}
		}
		app := fiber.New(config)
		app.Use(middleware.SecurityHeaders())
		app.Get("/", ok)
		response, _ := send(t, app, "GET", "/", fiber.HeaderXForwardedProto, "https")
		got := response.Header.Get("Strict-Transport-Security")
		if want := map[bool]string{true: "max-age=31536000"}[trusted]; got != want {
			t.Errorf("trusted %v: %q, want %q", trusted, got, want)
		}
	}
}
