package app_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/app/devservices/devtest/browser"
	"example.com/prefab/handlers/dev"
	"example.com/prefab/services"
)

// The window's console tells if the policy forbids the script or its style.
func TestBrowser_APageTellsWhatDoesNotBuildAndReloads(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	write := func(s dev.State) {
		t.Helper()
		if err := dev.WriteState(file, s); err != nil {
			t.Fatal(err)
		}
	}
	write(dev.State{Code: 1})
	t.Setenv(dev.StateVariable, file)
	w := start(t).window(browser.Desktop)
	w.Open("/login")
	w.Run(`window.first = true; undefined`)
	shown := func() string {
		return browser.Eval[string](w, `document.querySelector(".dev-problem")?.innerText ?? ""`)
	}
	write(dev.State{Code: 2, Problem: "lamps.go:7: undefined: <b>lamp</b>"})
	devtest.Eventually(t, "the page tells the problem", func() bool { return strings.Contains(shown(), "undefined: <b>lamp</b>") })
	if place := browser.Eval[string](w, `getComputedStyle(document.querySelector(".dev-problem")).position`); place != "fixed" {
		t.Errorf("it has no style: its position is %s", place)
	}
	write(dev.State{Code: 2})
	devtest.Eventually(t, "the problem goes", func() bool { return shown() == "" })
	if !browser.Eval[bool](w, `window.first === true`) {
		t.Error("the page reloads, though nothing new is served")
	}
	write(dev.State{Code: 2, Files: 1})
	devtest.Eventually(t, "the page reloads", func() bool { return browser.Eval[bool](w, `window.first === undefined`) })
	write(dev.State{Code: 2, Files: 1, Problem: "it does not build"})
	devtest.Eventually(t, "the page tells the next problem", func() bool { return shown() == "it does not build" })
	w.Checked()
}

// The parts are wired: statements, look-ups, lines of the log, and the page of mails.
func TestBrowser_TheInspectorShowsARequestOfTheWholeProgram(t *testing.T) {
	s := start(t)
	user := s.user("max", services.Member)
	w := s.window(browser.Desktop)
	w.Open("/login?next=/account")
	signIn(w, user.Email)
	w.Open("/account")
	w.Open(dev.RequestsPath)
	w.Follow("GET /account")
	w.Reads("cache user") // from memory, or from Redis if the browser is slow
	w.Follow("Requests")
	w.Reads("GET /account", "POST /login", "GET /login")
	w.ReadsNot("/static/")
	w.ReadsNot(dev.Prefix)
	w.Checked()
	w.Follow("POST /login")
	w.Reads("Status 303", "users.", "Referer")
	w.ReadsNot(user.Email)
	w.ReadsNot(password)
	w.Checked()
	w.Follow("Mails")
	w.IsAt(dev.MailPath, http.StatusOK)
	w.Follow("Requests")
	w.Checked()

	refused := s.visitor().get("/account/nothing")
	w.Open(dev.RequestsPath + "/" + refused.header.Get("X-Request-Id"))
	w.Reads("Status 404", "Errors, from the outermost")
}
