package app_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/prefab/app/devservices/devtest/browser"
	"example.com/prefab/services"
)

func (s *service) window(l browser.Screen) *browser.Window { return browser.New(s.t, s.url, l) }

func signIn(w *browser.Window, email string) {
	w.Fill("email", email)
	w.Fill("password", password)
	w.Leads(chromedp.Click(chromedp.CSS(`main button`)))
}

// The window's console tells of what is missing.
func TestBrowser_FindsAnIconWhereTheAnswerNamesNone(t *testing.T) {
	t.Parallel()
	w := shared(t).window(browser.Desktop)
	w.Open("/openapi.json")
	w.Open("/nowhere")
}

func TestBrowser_ASignInLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	s := shared(t)
	user := s.user("max", services.Member)
	w := s.window(browser.Desktop)
	for _, next := range []string{
		"//" + browser.PlainHost, `/\` + browser.PlainHost, "/%2f" + browser.PlainHost + "%22", "https:" + browser.PlainHost,
		"/.//" + browser.PlainHost, "/%5c" + browser.PlainHost, "%20//" + browser.PlainHost, "http://" + browser.PlainHost,
	} {
		w.Open("/login?next=" + next)
		signIn(w, user.Email)
		if origin := browser.Eval[string](w, `location.origin`); origin != s.url {
			t.Fatalf("%q leads to %s", next, origin)
		}
		w.Open("/")
		w.Follow("Sign out")
	}
}
