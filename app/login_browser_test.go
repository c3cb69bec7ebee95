package app_test

import (
	"testing"

	"example.com/prefab/services"
)

// The window's console tells of what is missing.
func TestBrowser_FindsAnIconWhereTheAnswerNamesNone(t *testing.T) {
	t.Parallel()
	w := shared(t).window(desktop)
	w.open("/openapi.json")
	w.open("/nowhere")
}

func TestBrowser_ASignInLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	s := shared(t)
	user := s.user("max", services.Member)
	w := s.window(desktop)
	for _, next := range []string{
		"//" + plainHost, `/\` + plainHost, "/%2f" + plainHost + "%22", "https:" + plainHost,
		"/.//" + plainHost, "/%5c" + plainHost, "%20//" + plainHost, "http://" + plainHost,
	} {
		w.open("/login?next=" + next)
		w.signIn(user.Email)
		if origin := eval[string](w, `location.origin`); origin != s.url {
			t.Fatalf("%q leads to %s", next, origin)
		}
		w.open("/")
		w.follow("Sign out")
	}
}
