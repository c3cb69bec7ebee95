//go:build screenshots

package console

import (
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest/browser"
)

// TestScreenshots takes the pictures that docs/console.md shows.
func TestScreenshots(t *testing.T) {
	dark := browser.Phone
	dark.Dark = true
	for name, shot := range map[string]struct {
		browser.Screen
		s State
	}{
		"console": {browser.Desktop, sample(12, 2, 3)}, "console-phone-dark": {dark, troubled()},
	} {
		w := newStage(t, shot.s).window(shot.Screen)
		w.Open("/ops")
		time.Sleep(time.Second) // it is live
		w.Save("../../docs/screenshots/" + name + ".png")
	}
}
