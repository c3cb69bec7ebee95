package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strings"
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

// Screen is how a window shows pages.
type Screen struct {
	Name          string
	Width, Height int64
	Dark          bool
	Scripts       bool
}

// Phone and Desktop are light and run scripts.
var (
	Phone   = Screen{Name: "phone", Width: 390, Height: 844, Scripts: true}
	Desktop = Screen{Name: "desktop", Width: 1280, Height: 900, Scripts: true}
)

// Window is a person at a browser. What a person cannot do or see ends the test, or makes
// it fail.
type Window struct {
	Base string // the address before each path

	t      testing.TB
	ctx    context.Context
	screen Screen

	answered int64 // the status of the last page
}

// New opens a window for the pages of that address. At the end of the test the browser
// must not have complained of anything: a script that failed, or content that the policy
// forbids. Without a Chromium the test is left out, loudly; in CI it fails.
func New(t testing.TB, base string, screen Screen) *Window {
	t.Helper()
	chromium.once.Do(func() { chromium.err = startChromium() })
	if errors.Is(chromium.err, errNoChromium) {
		missing(t, "Chromium")
	}
	if chromium.err != nil {
		t.Fatal(chromium.err)
	}
	tab, closeTab := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	if err := chromedp.Do(tab); err != nil {
		t.Fatal(err)
	}
	complaints := make(chan []string, 1)
	go collect(chromedp.Console(tab), complaints)
	t.Cleanup(func() {
		closeTab()
		for _, complaint := range <-complaints {
			t.Errorf("the browser says: %s", complaint)
		}
	})
	ctx, cancel := context.WithTimeout(tab, 2*time.Minute) // to run into it means to hang
	t.Cleanup(cancel)
	w := &Window{Base: base, t: t, ctx: ctx, screen: screen}
	scheme := "light"
	if screen.Dark {
		scheme = "dark"
	}
	Call(w, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: screen.Width, Height: screen.Height, DeviceScaleFactor: 1, Mobile: screen.Width < 600,
	})
	Call(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // a button that still scrolls is clicked beside
		},
	})
	Call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !screen.Scripts})
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

// Call gives the browser a command of its protocol.
func Call[P, R any](w *Window, command cdp.Command[P, R], params P) R {
	w.t.Helper()
	result, err := chromedp.Call(w.ctx, command, params)
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

// Do runs steps on the page.
func (w *Window) Do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := chromedp.Do(w.ctx, steps...); err != nil {
		w.t.Fatal(err)
	}
}

// Leads runs what leads to another page, and waits for that.
func (w *Window) Leads(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	from := w.Path()
	response, err := chromedp.RunResponse(w.ctx, steps...)
	if err != nil {
		w.t.Fatalf("from %s: %v", from, err)
	}
	w.answered = response.Status
	w.checkFits()
}

// Open goes to a path.
func (w *Window) Open(path string) { w.t.Helper(); w.Leads(chromedp.Navigate(w.Base + path)) }

// Follow clicks the link or button with that text.
func (w *Window) Follow(text string) {
	w.t.Helper()
	w.Leads(chromedp.Click(fmt.Sprintf(`//*[self::a or self::button][normalize-space()=%q]`, text)))
}

// Fill types into the field of that name, in the place of what is there.
func (w *Window) Fill(name, value string) {
	w.t.Helper()
	field := chromedp.CSS(fmt.Sprintf(`[name=%q]`, name))
	selectAll := chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	w.Do(chromedp.Focus(field), selectAll, chromedp.KeyEvent(kb.Delete))
	Call(w, input.InsertText, input.InsertTextParams{Text: value})
}

// Choose clicks the radio button or checkbox of that name and value.
func (w *Window) Choose(name, value string) {
	w.t.Helper()
	w.Do(chromedp.Click(chromedp.CSS(fmt.Sprintf(`[name=%q][value=%q]`, name, value))))
}

// Eval is what an expression of JavaScript gives.
func Eval[T any](w *Window, expression string) T {
	w.t.Helper()
	value, err := chromedp.Run(w.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		w.t.Fatalf("%.80s: %v", expression, err)
	}
	return value
}

// Run is [Eval] for what gives nothing.
func (w *Window) Run(statement string) { w.t.Helper(); Eval[chromedp.Void](w, statement) }

// Path is where the window is.
func (w *Window) Path() string {
	w.t.Helper()
	return Eval[string](w, `location.pathname + location.search`)
}

// IsAt wants the page of that path, answered with that status.
func (w *Window) IsAt(path string, status int64) {
	w.t.Helper()
	if at := w.Path(); at != path || w.answered != status {
		w.t.Fatalf("at %s with %d, want %s with %d", at, w.answered, path, status)
	}
}

// Reads wants a person to be able to read these texts.
func (w *Window) Reads(texts ...string) {
	w.t.Helper()
	shown := strings.Join(strings.Fields(Eval[string](w, `document.body.innerText`)), " ")
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			w.t.Errorf("%s does not show %q, but: %s", w.Path(), text, shown)
		}
	}
}

// SeesNotice wants the page of that path to say what was done, where it is seen at once and
// read first, and an address that does not say it again.
func (w *Window) SeesNotice(path, done, notice string) {
	w.t.Helper()
	w.Reads(notice)
	devtest.Eventually(w.t, notice+" is in sight, and where the reader goes on", func() bool {
		return Eval[bool](w, `(() => {
			const box = document.activeElement.getBoundingClientRect();
			return document.activeElement.className == "notice" && box.top >= 0 && box.bottom <= innerHeight;
		})()`)
	})
	if !w.screen.Scripts {
		path += "?done=" + done
	}
	w.IsAt(path, 200)
}

// GoesOnAt wants the focus to be on the field of that name. A browser sets it when it
// first draws the page, which may be some time after its load.
func (w *Window) GoesOnAt(name string) {
	w.t.Helper()
	devtest.Eventually(w.t, "the reader goes on at "+name, func() bool {
		return Eval[string](w, `document.activeElement.name || ""`) == name
	})
}

// ReadsNot wants a text not to be shown.
func (w *Window) ReadsNot(text string) {
	w.t.Helper()
	if shown := Eval[string](w, `document.body.innerText`); strings.Contains(shown, text) {
		w.t.Errorf("%s shows %q", w.Path(), text)
	}
}

// checkFits wants no page to be wider than the window.
func (w *Window) checkFits() {
	w.t.Helper()
	if wide := Eval[int](w, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
		w.t.Errorf("%s is %d pixels wider than a %s", w.Path(), wide, w.screen.Name)
	}
}

// axeScripts is where make test-rest puts axe-core, as npm's package has it: under its version.
const axeScripts = ".axe/*/node_modules/axe-core/axe.min.js"

// isAccessible has axe-core look for whatever keeps people out.
func (w *Window) isAccessible() {
	w.t.Helper()
	var found []string
	for folder := ".."; len(found) == 0 && len(folder) < 9; folder += "/.." { // a test runs in its package's
		found, _ = filepath.Glob(filepath.Join(folder, axeScripts))
	}
	if len(found) == 0 {
		missing(w.t, "axe-core")
	}
	script, err := os.ReadFile(found[len(found)-1])
	if err != nil {
		w.t.Fatal(err)
	}
	w.Run(string(script))
	for _, violation := range Eval[[]string](w, `axe.run(document, {resultTypes: ["violations"]}).then(({violations}) =>
		violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html).join(" | ")))`) {
		w.t.Errorf("%s on a %s, dark %t: %s", w.Path(), w.screen.Name, w.screen.Dark, violation)
	}
}

// EveryScreen runs a test on both widths and in both schemes, with scripts and without.
func EveryScreen(t *testing.T, test func(t *testing.T, l Screen)) {
	t.Helper()
	for _, l := range []Screen{Phone, Desktop} {
		for _, l.Dark = range []bool{false, true} {
			for _, l.Scripts = range []bool{true, false} {
				one := l // the loops change l
				t.Run(fmt.Sprintf("%s,dark=%t,scripts=%t", l.Name, l.Dark, l.Scripts), func(t *testing.T) {
					t.Parallel()
					test(t, one)
				})
			}
		}
	}
}

// Save writes a picture of the window to a PNG file.
func (w *Window) Save(file string) {
	w.t.Helper()
	picture, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		w.t.Fatal(err)
	}
	image, err := png.Decode(bytes.NewReader(picture)) // Chromium packs for speed
	if err != nil {
		w.t.Fatal(err)
	}
	var packed bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&packed, image); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, packed.Bytes(), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// Checked looks for what keeps people out, where it can.
func (w *Window) Checked() {
	w.t.Helper()
	if w.screen.Scripts { // axe is one
		w.isAccessible()
	}
}
