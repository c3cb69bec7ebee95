package app_test

import (
	"net/http"
	"strings"
	"testing"

	"example.com/prefab/services"
)

func TestSameOrigin_UnsafeRequestsFromElsewhereAre403(t *testing.T) {
	s := start(t)
	admin := s.admin()
	for name, header := range map[string][]string{
		"cross-site":     {"Sec-Fetch-Site", "cross-site", "Origin", s.url},
		"another origin": {"Origin", "https://evil.example"},
	} {
		// A foreign sign-in would sign you in as the attacker.
		for method, body := range map[string]string{"POST": `{"email":"x","password":"x"}`, "DELETE": ""} {
			if got := admin.send(method, sessionPath, body, header...); got.status != http.StatusForbidden {
				t.Errorf("%s: %s: %d, want 403", name, method, got.status)
			}
		}
		admin.get("/health/live", header...).want(http.StatusOK)
	}
	admin.get(sessionPath).want(http.StatusOK)
	admin.send("DELETE", sessionPath, "", "Sec-Fetch-Site", "same-origin", "Origin", "https://behind.a.proxy.example").want(http.StatusNoContent)
}

func TestSecurityHeaders_AreOnEveryAnswer(t *testing.T) {
	s := start(t)
	for _, path := range []string{"/health/live", "/nowhere", sessionPath, "/login"} {
		header := s.visitor().get(path).header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			if header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, header.Get(name), want)
			}
		}
		policy := header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'self'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		for _, chatty := range []string{"Server", "X-Powered-By"} {
			if header.Get(chatty) != "" {
				t.Errorf("%s: %s says %q", path, chatty, header.Get(chatty))
			}
		}
	}
}

func TestSecrets_AreNeitherShownNorLogged(t *testing.T) {
	s := start(t, "LOG_LEVEL=debug")
	user := s.user("max", services.Member)
	c := s.visitor()
	c.signIn(user.Email, "my wrong secret").problem(http.StatusUnauthorized)
	in := c.signIn(user.Email, password).want(http.StatusOK)
	s.visitor().send("POST", sessionPath, `{"email":"max@people.example","password":["my wrong secret"]}`).invalid("password")
	s.visitor().send("POST", sessionPath, `{"email":"max@people.example","password":"my wrong secret`).problem(http.StatusBadRequest)
	if strings.Contains(string(in.body), "argon2") || strings.Contains(strings.ToLower(string(in.body)), "password") {
		t.Errorf("the user is shown as %s", in.body)
	}
	text := s.log.String() // addresses and passwords: checkLog looks after every test
	for _, secret := range []string{"my wrong secret", in.cookie[0].Value} {
		if strings.Contains(text, secret) {
			t.Errorf("the log tells %q", secret)
		}
	}
	for _, key := range s.keys("*") {
		if strings.Contains(key, "people.example") {
			t.Errorf("the key %q tells an address", key)
		}
	}
}
