package app_test

import (
	"net/http"
	"strings"
	"testing"

	"example.com/prefab/services"
)

func TestSameOrigin_UnsafeRequestsFromElsewhereAre403(t *testing.T) {
	s := start(t)
	admin, path := s.admin(), s.product()
	host := strings.TrimPrefix(s.url, "http://")
	for name, header := range map[string][]string{
		"cross-site":             {"Sec-Fetch-Site", "cross-site"},
		"a sister site":          {"Sec-Fetch-Site", "same-site"},
		"an unknown word":        {"Sec-Fetch-Site", "x"},
		"cross-site, own origin": {"Sec-Fetch-Site", "cross-site", "Origin", s.url},
		"another origin":         {"Origin", "https://evil.example"},
		"another port":           {"Origin", "http://127.0.0.1:1"},
		"a longer host":          {"Origin", s.url + ".evil.example"},
		"an opaque origin":       {"Origin", "null"},
		"rubbish":                {"Origin", "::::"},
		"another host's name":    {"Origin", s.url, "Host", "prefab.example", "X-Forwarded-Host", host},
	} {
		for _, write := range []struct{ method, path, body string }{
			{"PATCH", path, `{"name":"Stolen"}`},
			{"DELETE", path, ""},
			{"PUT", path + "/stock", `{"quantity":1}`},
			{"POST", productsPath, `{}`},
			{"POST", path + "/reviews", `{}`},
			{"POST", sessionPath, `{"email":"x","password":"x"}`}, // or an attacker signs you in as himself
			{"DELETE", sessionPath, ""},
		} {
			got := admin.send(write.method, write.path, write.body, header...)
			if got.status != http.StatusForbidden {
				t.Errorf("%s: %s %s: %d, want 403", name, write.method, write.path, got.status)
			}
		}
		admin.get(path, header...).want(http.StatusOK)
	}
	admin.get(sessionPath).want(http.StatusOK)

	for _, header := range [][]string{
		{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Origin", s.url}, {},
		{"Sec-Fetch-Site", "same-origin", "Origin", "https://behind.a.proxy.example"},
	} {
		admin.send("PATCH", path, `{"name":"Mine"}`, header...).want(http.StatusOK)
	}
}

func TestSecurityHeaders_AreOnEveryAnswer(t *testing.T) {
	s := start(t)
	path := s.product()
	for _, path := range []string{path, "/health/live", "/nowhere", productsPath + "/0", sessionPath} {
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

func TestSecurityHeaders_HTTPSIsAskedForWhereItIsSpoken(t *testing.T) {
	for proxies, want := range map[string]bool{"": false, "127.0.0.1": true, "10.0.0.0/8, 127.0.0.1": true, "::1, 127.0.0.7/8": true} {
		s := start(t, "APP_ENV=production", "TRUSTED_PROXIES="+proxies)
		got := s.visitor().get("/health/live", "X-Forwarded-Proto", "https").header.Get("Strict-Transport-Security")
		if (got != "") != want {
			t.Errorf("with the trusted proxy %q: %q", proxies, got)
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
	path := s.product()
	review := c.send("POST", path+"/reviews", `{"rating":5,"body":"my wrong secret"}`).want(http.StatusCreated)
	shown := s.visitor().get(path).want(http.StatusOK)
	for _, got := range []answer{review, shown} {
		if strings.Contains(string(got.body), user.Email) {
			t.Errorf("%s tells the author's address: %s", got.asked, got.body)
		}
	}
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
