package app_test

import (
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/app/devservices/devtest/browser"
	"example.com/prefab/services"
)

// openNewestLink follows the link of the newest mail, which is in the mailbox of development.
func openNewestLink(t *testing.T, w *browser.Window, subject string) {
	t.Helper()
	devtest.Eventually(t, "the mail is shown", func() bool {
		w.Open("/_dev/mail")
		return browser.Eval[string](w, `document.querySelector("h2")?.innerText ?? ""`) == subject
	})
	w.Checked()
	w.Open(browser.Eval[string](w, `{ const link = new URL(document.querySelector("pre a").href); link.pathname + link.search }`))
	w.Checked()
}

func TestBrowser_AVisitorSignsUpAndResetsThePassword(t *testing.T) {
	browser.EveryScreen(t, func(t *testing.T, l browser.Screen) {
		s := start(t, "SIGN_UP=true")
		w := s.window(l)
		w.Open("/login")
		w.Checked()
		w.Follow("Sign up")
		w.Checked()
		w.Fill("name", "Nina")
		w.Fill("email", "nina@people.example")
		w.Follow("Sign up")
		w.SeesNotice("/login", "mail", "A mail is on its way.")
		w.Checked()
		openNewestLink(t, w, "Please confirm your e-mail address")
		w.Fill("password", password)
		w.Follow("Make my account")
		w.SeesNotice("/account", "password", "The password is set.")
		w.Reads("Nina", "nina@people.example", "Sign out")
		w.Checked()
		w.Follow("Sign out")

		w.Open("/login")
		w.Follow("Forgot your password?")
		w.Checked()
		w.Fill("email", "nina@people.example")
		w.Follow("Send the mail")
		openNewestLink(t, w, "Choose another password")
		w.Fill("password", "another long password")
		w.Follow("Set the password")
		w.SeesNotice("/account", "password", "The password is set.")
	})
}

// A refused form of the page is shown again, with the error in it alone.
func TestBrowser_AUserChangesTheAccount(t *testing.T) {
	s := start(t)
	user := s.user("max", services.Member)
	w := s.window(browser.Desktop)
	w.Open("/login?next=/account")
	signIn(w, user.Email)
	w.IsAt("/account", 200)
	w.Run(`document.querySelector("#email").value = "max2@people.example"; document.querySelector("#email-current").value = "wrong"; undefined`)
	w.Follow("Send a mail to the new address")
	w.IsAt("/account", 422)
	w.Reads("Is wrong.")
	w.Checked()
	if now := browser.Eval[string](w, `document.activeElement.id`); now != "email-current" {
		t.Errorf("the reader goes on at %q", now)
	}
	w.Run(`document.querySelector("#email-current").value = "` + password + `"; undefined`)
	w.Follow("Send a mail to the new address")
	w.SeesNotice("/account", "mail", "A mail is on its way.")
	openNewestLink(t, w, "Please confirm your new e-mail address")
	w.Follow("Change the address")
	w.SeesNotice("/account", "email", "The e-mail address is changed.")
	w.Reads("max2@people.example")
	w.Follow("Sign out everywhere")
	w.SeesNotice("/login", "sessions", "You are signed out everywhere.")
	w.Open("/account")
	w.Fill("email", "max2@people.example")
	w.Fill("password", password)
	w.Follow("Sign in")
	w.IsAt("/account", 200)
	w.Run(`document.querySelector("#delete-current").value = "` + password + `"; undefined`)
	w.Follow("Delete my account")
	w.SeesNotice("/login", "deleted", "The account is deleted.")
}
