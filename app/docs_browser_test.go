package app_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/app/devservices/devtest/browser"
	"example.com/prefab/services"
)

func TestBrowser_DocsAreReadOnEveryScreen(t *testing.T) {
	browser.EveryScreen(t, func(t *testing.T, l browser.Screen) {
		w := shared(t).window(l)
		w.Open("/docs#signIn")
		w.Reads("Sign in", "/api/v1/session", "password required", "422 The input breaks rules")
		w.ReadsNot("Names this request in our logs.")
		w.Run(`document.querySelectorAll("[aria-labelledby=signIn] details, [aria-labelledby=errors] details").forEach(details => details.open = true)`)
		w.Reads(`"email": "admin@prefab.example"`, "Names this request in our logs.")
		w.Checked()
		if shown := browser.Eval[bool](w, `document.querySelector(".try").checkVisibility()`); shown != l.Scripts {
			t.Errorf("there are forms to send requests: %t", shown)
		}
	})
}

// From the page a request has the session of the browser, and what protects it.
func TestBrowser_DocsSendRequests(t *testing.T) {
	t.Parallel()
	s := shared(t)
	user := s.user("max", services.Member)
	w := s.window(browser.Desktop)
	send := func(operation string, outcome ...string) {
		t.Helper()
		form := `article[aria-labelledby=` + operation + `] .try`
		w.Run(`document.querySelector("` + form + `").open = true`)
		w.Do(chromedp.Focus(chromedp.CSS(form+` button`)), chromedp.KeyEvent(kb.Enter))
		devtest.Eventually(t, operation+" is answered", func() bool {
			return browser.Eval[bool](w, `!document.querySelector("`+form+` .result").hidden`)
		})
		shown := browser.Eval[string](w, `document.querySelector("`+form+`").innerText`)
		for _, text := range outcome {
			if !strings.Contains(shown, text) {
				t.Errorf("%s does not show %q, but %s", operation, text, shown)
			}
		}
	}
	w.Open("/docs")
	send("isLive", "200 OK", " ms", "content-type: application/json", `"status": "live"`)
	send("showSession", "401 Unauthorized", "www-authenticate: Cookie", "Please sign in first.")
	w.Run(`document.querySelector("[aria-labelledby=signIn] textarea").value = ` +
		strconv.Quote(object("email", user.Email, "password", password)))
	send("signIn", "200 OK", `"role": "member"`)
	send("showSession", "200 OK", user.Email)
	send("createToken", "201 Created", `"scope": "write"`) // with the example of the document
	send("revokeToken", "404 Not Found", "/api/v1/tokens/42")
	send("showLoginPage", "200 OK, ", "from /", "<!doctype html>")
	w.Checked()
	w.Do(chromedp.KeyEvent(kb.Tab))
	if at := browser.Eval[string](w, `document.activeElement.getAttribute("aria-label")`); at != "Body of the answer" {
		t.Errorf("after the button the keyboard leads to %q", at)
	}
}
