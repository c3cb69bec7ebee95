package app_test

import (
	"path/filepath"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/app/devservices/devtest/browser"
	"example.com/prefab/handlers/dev"
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
