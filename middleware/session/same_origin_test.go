package session_test

import (
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/session"
)

func TestSameOrigin_RefusesWhatAnotherSiteMakesABrowserSend(t *testing.T) {
	app := fibertest.New()
	app.All("/starts", session.SameOrigin, fibertest.OK)
	app.All("/", session.New(session.Config{}).SameOrigin, fibertest.OK)
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
		{"a sibling", []string{site, "same-site", origin, "http://other.example.com"}, false},
		{"another site that names our origin", []string{site, "cross-site", origin, "http://example.com"}, false},
		{"an old browser on our page", []string{origin, "http://example.com"}, true},
		{"an old browser elsewhere", []string{origin, "http://evil.example"}, false},
		{"an old browser on another port", []string{origin, "http://example.com:8080"}, false},
		{"a host that is named otherwise", []string{origin, "http://other.example", "X-Forwarded-Host", "other.example"}, false},
		{"a sandboxed frame", []string{origin, "null"}, false},
		{"garbage as the site", []string{site, "garbage"}, false},
	} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "DELETE"} {
			refused := !c.passes && method != "GET" && method != "HEAD" && method != "OPTIONS"
			for _, r := range []struct {
				path, cookie string
				refused      bool
			}{
				{"/", signedIn, refused},
				{"/", visitor, false}, // a token is nothing that a browser sends by itself
				{"/", "session=x", false},
				{"/starts", visitor, refused}, // else another site could sign its visitors in
			} {
				want := map[bool]int{true: fiber.StatusForbidden, false: fiber.StatusOK}[r.refused]
				headers := append([]string{"Cookie", r.cookie}, c.headers...)
				if response, _ := fibertest.Send(t, app, method, r.path, headers...); response.StatusCode != want {
					t.Errorf("%s, %s %s with cookie %q: status %d, want %d", c.what, method, r.path, r.cookie, response.StatusCode, want)
				}
			}
		}
	}
}
