package app_test

import (
	"net/http"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest/browser"
	"example.com/prefab/services"
)

func TestBrowser_AUserMakesATokenSeesItOnceAndRevokesIt(t *testing.T) {
	browser.EveryScreen(t, func(t *testing.T, l browser.Screen) {
		s := shared(t)
		user, w := s.user("max", services.Member), s.window(l)
		w.Open("/login?next=/account/tokens")
		signIn(w, user.Email)
		w.Reads("You have no tokens.")
		w.Checked()
		w.Fill("expiresInDays", "400")
		w.Fill("name", "nightly import")
		w.Follow("Make the token")
		w.IsAt(tokensPage, http.StatusUnprocessableEntity)
		w.Reads("Must be from 1 to 365")
		w.Checked()
		w.Fill("expiresInDays", "1")
		w.Follow("Make the token")
		w.IsAt(tokensPage, http.StatusOK)
		w.Checked()
		secret := browser.Eval[string](w, `document.querySelector(".notice code").innerText`)
		s.with(secret).want(http.StatusOK)
		w.Open(tokensPage)
		w.Reads("nightly import", "read")
		if text := browser.Eval[string](w, `document.body.innerText`); strings.Contains(text, secret) {
			t.Error("the token is shown a second time")
		}
		w.Follow("Revoke")
		w.SeesNotice(tokensPage, "revoked", "The token is revoked.")
		s.with(secret).problem(http.StatusUnauthorized)
	})
}
