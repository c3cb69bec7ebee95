// Package browser drives a headless Chromium in tests: a [Window] is a person at a page.
package browser

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/prefab/app/devservices/devtest"
)

// chromium is the one browser of the tests; each test has a window of its own in it,
// which shares neither cookies nor caches with others.
var chromium struct {
	once sync.Once
	ctx  context.Context
	err  error
}

// PlainHost leads to this machine. A browser trusts it less than the address: it has
// no https, and so gets no Fetch metadata.
const PlainHost = "shop.example"

var errNoChromium = errors.New("there is no Chromium")

func startChromium() error {
	path, err := findChromium()
	if err != nil {
		return err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // root has none; only our own pages are opened
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP "+PlainHost+" 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	chromium.ctx = ctx
	devtest.AtEnd(func() {
		_ = chromedp.Cancel(ctx) // waits for its end
		cancel()
		free()
	})
	return chromedp.Do(ctx)
}

// findChromium looks where install.sh does.
func findChromium() (string, error) {
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoChromium
}

// missing leaves a test out, loudly; in CI it fails.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing, and CI leaves nothing out", what)
	}
	t.Skipf("NOT TESTED: %s is missing; make test-rest installs it where it can", what)
}
