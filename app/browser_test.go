package app_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/prefab/app/devservices/devtest"
)

// chromium is the one headless browser of the tests; each test has a window of its
// own in it, which shares neither cookies nor caches with others.
var chromium struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

// plainHost leads to this machine. A browser trusts it less than the address: it has
// no https, and so gets no Fetch metadata.
const plainHost = "shop.example"

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
		chromedp.Flag("host-resolver-rules", "MAP "+plainHost+" 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	chromium.ctx, chromium.stop = ctx, func() {
		_ = chromedp.Cancel(ctx) // waits for its end
		cancel()
		free()
	}
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

// screen is how a window shows pages.
type screen struct {
	name          string
	width, height int64
	dark          bool
	scripts       bool
}

var (
	phone   = screen{name: "phone", width: 390, height: 844, scripts: true}
	desktop = screen{name: "desktop", width: 1280, height: 900, scripts: true}
)

// window is a person at a browser.
type window struct {
	s      *service
	ctx    context.Context
	base   string
	screen screen

	answered int64 // the status of the last page
}

// window opens one. At the end of the test the browser must not have complained of
// anything: a script that failed, or content that the policy forbids.
func (s *service) window(l screen) *window {
	s.t.Helper()
	chromium.once.Do(func() { chromium.err = startChromium() })
	if errors.Is(chromium.err, errNoChromium) {
		missing(s.t, "Chromium")
	}
	if chromium.err != nil {
		s.t.Fatal(chromium.err)
	}
	tab, closeTab := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	if err := chromedp.Do(tab); err != nil {
		s.t.Fatal(err)
	}
	complaints := make(chan []string, 1)
	go collect(chromedp.Console(tab), complaints)
	s.t.Cleanup(func() {
		closeTab()
		for _, complaint := range <-complaints {
			s.t.Errorf("the browser says: %s", complaint)
		}
	})
	ctx, cancel := context.WithTimeout(tab, 2*time.Minute) // to run into it means to hang
	s.t.Cleanup(cancel)
	w := &window{s: s, ctx: ctx, base: s.url, screen: l}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	call(w, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 600,
	})
	call(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // a button that still scrolls is clicked beside
		},
	})
	call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !l.scripts})
	return w
}

func collect(console iter.Seq2[chromedp.ConsoleMessage, error], complaints chan<- []string) {
	var all []string
	for message, err := range console {
		if err == nil && !isAboutThePage(message) && !isAboutPlainHTTP(message.Text) {
			all = append(all, message.Text)
		}
	}
	complaints <- all
}

// isAboutThePage reports whether the browser merely says that a page's own status is an
// error, which is for the tests to judge. What a page needs must be there.
func isAboutThePage(message chromedp.ConsoleMessage) bool {
	address, err := url.Parse(message.URL)
	return message.Source == string(log.EntrySourceNetwork) && err == nil &&
		address.Path != "/favicon.ico" && !strings.HasPrefix(address.Path, "/static/")
}

// isAboutPlainHTTP reports whether the browser merely says that a header is of no use
// without https.
func isAboutPlainHTTP(text string) bool {
	return strings.Contains(text, "Cross-Origin-Opener-Policy header has been ignored") ||
		strings.Contains(text, "Origin-Agent-Cluster header")
}

// call gives the browser a command of its protocol.
func call[P, R any](w *window, command cdp.Command[P, R], params P) R {
	w.s.t.Helper()
	result, err := chromedp.Call(w.ctx, command, params)
	if err != nil {
		w.s.t.Fatal(err)
	}
	return result
}

func (w *window) do(steps ...chromedp.Action[chromedp.Void]) {
	w.s.t.Helper()
	if err := chromedp.Do(w.ctx, steps...); err != nil {
		w.s.t.Fatal(err)
	}
}

// leads runs what leads to another page, and waits for that.
func (w *window) leads(steps ...chromedp.Action[chromedp.Void]) {
	w.s.t.Helper()
	from := w.path()
	response, err := chromedp.RunResponse(w.ctx, steps...)
	if err != nil {
		w.s.t.Fatalf("from %s: %v", from, err)
	}
	w.answered = response.Status
	w.checkFits()
}

func (w *window) open(path string) { w.s.t.Helper(); w.leads(chromedp.Navigate(w.base + path)) }

// follow clicks the link or button with that text.
func (w *window) follow(text string) {
	w.s.t.Helper()
	w.leads(chromedp.Click(fmt.Sprintf(`//*[self::a or self::button][normalize-space()=%q]`, text)))
}

// fill types into the field of that name, in the place of what is there.
func (w *window) fill(name, value string) {
	w.s.t.Helper()
	field := chromedp.CSS(fmt.Sprintf(`[name=%q]`, name))
	w.do(chromedp.Focus(field), chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)), chromedp.KeyEvent(kb.Delete))
	call(w, input.InsertText, input.InsertTextParams{Text: value})
}

func (w *window) choose(name, value string) {
	w.s.t.Helper()
	w.do(chromedp.Click(chromedp.CSS(fmt.Sprintf(`[name=%q][value=%q]`, name, value))))
}

func (w *window) signIn(email string) {
	w.s.t.Helper()
	w.fill("email", email)
	w.fill("password", password)
	w.leads(chromedp.Click(chromedp.CSS(`main button`)))
}

// eval is what an expression of JavaScript gives.
func eval[T any](w *window, expression string) T {
	w.s.t.Helper()
	value, err := chromedp.Run(w.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		w.s.t.Fatalf("%.80s: %v", expression, err)
	}
	return value
}

// run is eval for what gives nothing.
func (w *window) run(statement string) { w.s.t.Helper(); eval[chromedp.Void](w, statement) }

func (w *window) path() string {
	w.s.t.Helper()
	return eval[string](w, `location.pathname + location.search`)
}

// isAt wants the page of that path, answered with that status.
func (w *window) isAt(path string, status int64) {
	w.s.t.Helper()
	if at := w.path(); at != path || w.answered != status {
		w.s.t.Fatalf("at %s with %d, want %s with %d", at, w.answered, path, status)
	}
}

// reads wants a person to be able to read these texts.
func (w *window) reads(texts ...string) {
	w.s.t.Helper()
	shown := strings.Join(strings.Fields(eval[string](w, `document.body.innerText`)), " ")
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			w.s.t.Errorf("%s does not show %q, but: %s", w.path(), text, shown)
		}
	}
}

// seesNotice wants the page of that path to say what was done, where it is seen at once and
// read first, and an address that does not say it again.
func (w *window) seesNotice(path, done, notice string) {
	w.s.t.Helper()
	w.reads(notice)
	devtest.Eventually(w.s.t, notice+" is in sight, and where the reader goes on", func() bool {
		return eval[bool](w, `(() => {
			const box = document.activeElement.getBoundingClientRect();
			return document.activeElement.className == "notice" && box.top >= 0 && box.bottom <= innerHeight;
		})()`)
	})
	if !w.screen.scripts {
		path += "?done=" + done
	}
	w.isAt(path, 200)
}

// goesOnAt wants the focus to be on the field of that name. A browser sets it when it
// first draws the page, which may be some time after its load.
func (w *window) goesOnAt(name string) {
	w.s.t.Helper()
	devtest.Eventually(w.s.t, "the reader goes on at "+name, func() bool {
		return eval[string](w, `document.activeElement.name || ""`) == name
	})
}

func (w *window) readsNot(text string) {
	w.s.t.Helper()
	if shown := eval[string](w, `document.body.innerText`); strings.Contains(shown, text) {
		w.s.t.Errorf("%s shows %q", w.path(), text)
	}
}

// checkFits wants no page to be wider than the window.
func (w *window) checkFits() {
	w.s.t.Helper()
	if wide := eval[int](w, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
		w.s.t.Errorf("%s is %d pixels wider than a %s", w.path(), wide, w.screen.name)
	}
}

// axeScripts is where make test-rest puts axe-core, as npm's package has it: under its version.
const axeScripts = "../.axe/*/node_modules/axe-core/axe.min.js"

// isAccessible has axe-core look for whatever keeps people out.
func (w *window) isAccessible() {
	w.s.t.Helper()
	found, err := filepath.Glob(axeScripts)
	if err != nil || len(found) == 0 {
		missing(w.s.t, "axe-core")
	}
	script, err := os.ReadFile(found[len(found)-1])
	if err != nil {
		w.s.t.Fatal(err)
	}
	w.run(string(script))
	for _, violation := range eval[[]string](w, `axe.run(document, {resultTypes: ["violations"]}).then(({violations}) =>
		violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html).join(" | ")))`) {
		w.s.t.Errorf("%s on a %s, dark %t: %s", w.path(), w.screen.name, w.screen.dark, violation)
	}
}

// screens are both widths and both schemes, with scripts and without.
func screens() (all []screen) {
	for _, l := range []screen{phone, desktop} {
		for _, l.dark = range []bool{false, true} {
			for _, l.scripts = range []bool{true, false} {
				all = append(all, l)
			}
		}
	}
	return all
}

func everyScreen(t *testing.T, test func(t *testing.T, l screen)) {
	for _, l := range screens() {
		t.Run(fmt.Sprintf("%s,dark=%t,scripts=%t", l.name, l.dark, l.scripts), func(t *testing.T) {
			t.Parallel()
			test(t, l)
		})
	}
}

// checked looks for what keeps people out, where it can.
func (w *window) checked() {
	w.s.t.Helper()
	if w.screen.scripts { // axe is one
		w.isAccessible()
	}
}
