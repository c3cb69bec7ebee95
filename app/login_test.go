package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"example.com/prefab/services"
)

func TestLogin_LeadsNowhereElse(t *testing.T) {
	s := start(t)
	user := s.user("max", services.Member)
	c := s.visitor()
	c.signIn(user.Email, password).want(http.StatusOK)
	for _, elsewhere := range []string{"//evil.example", "https://evil.example", "/%2fevil.example%22", ""} {
		c.page("/login?next=" + elsewhere).leads("/")
		unescaped, err := url.QueryUnescape(elsewhere)
		if err != nil {
			t.Fatal(err)
		}
		s.visitor().post("/login", "email", user.Email, "password", password, "next", unescaped).leads("/")
	}
	c.page("/login?next=/%09/evil.example").want(http.StatusUnprocessableEntity)
}

func TestPages_AnswerWhatBrowsersAndCrawlersAskForThemselves(t *testing.T) {
	s := start(t)
	for path, want := range map[string]struct{ mime, begins string }{
		"/favicon.ico": {"image/svg+xml", "<svg "},
		"/robots.txt":  {"text/plain; charset=utf-8", "# What is not"},
	} {
		got := s.visitor().get(path).want(http.StatusOK)
		if got.header.Get("Content-Type") != want.mime || !strings.HasPrefix(string(got.body), want.begins) ||
			got.header.Get("Cache-Control") != "public, max-age=3600" {
			t.Errorf("%s: %s with %v", path, got.body, got.header)
		}
		s.visitor().get(path, "If-None-Match", got.header.Get("ETag")).want(http.StatusNotModified)
	}
}
