package console

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/app/devservices/devtest/browser"
)

// stage serves the page of a state that a test changes.
type stage struct {
	t  *testing.T
	mu sync.Mutex
	s  State
	on bool // the stream answers
}

func newStage(t *testing.T, s State) *stage {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs a browser")
	}
	return &stage{t: t, s: s, on: true}
}

func (st *stage) window(screen browser.Screen) *browser.Window {
	mux := http.NewServeMux()
	mux.HandleFunc("/ops", func(w http.ResponseWriter, r *http.Request) {
		notice := doneNotices[r.FormValue("done")]
		st.send(w, func(b *strings.Builder) error { return renderPage(b, st.now(), notice) })
	})
	mux.HandleFunc("/ops/confirm", func(w http.ResponseWriter, r *http.Request) {
		a, err := readAction(r.URL.Query())
		st.send(w, func(b *strings.Builder) error {
			return renderConfirm(b, a, map[bool]string{true: "Not like this."}[err != nil])
		})
	})
	mux.HandleFunc("POST /ops/actions", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/ops?done="+r.PostFormValue("do"), http.StatusSeeOther)
	})
	mux.HandleFunc("/ops/plan", func(w http.ResponseWriter, r *http.Request) {
		st.send(w, func(b *strings.Builder) error {
			return renderPlan(b, r.FormValue("statement"), "SELECT 1", "Result  (cost=0.00..0.01 rows=1 width=4)", "")
		})
	})
	mux.HandleFunc("/ops/events", st.stream)
	mux.HandleFunc("/ops/{file}", func(w http.ResponseWriter, r *http.Request) { serveFile(w, r, r.PathValue("file")) })
	srv := httptest.NewServer(mux)
	st.t.Cleanup(srv.Close)
	return browser.New(st.t, srv.URL, screen) // is closed before the server, which waits for its streams
}

func (st *stage) send(w http.ResponseWriter, render func(*strings.Builder) error) {
	var page strings.Builder
	if err := render(&page); err != nil {
		st.t.Error(err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'self'")
	_, _ = w.Write([]byte(page.String()))
}

func (st *stage) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for st.isOn() && r.Context().Err() == nil {
		var main strings.Builder
		if err := renderMain(&main, st.now()); err != nil {
			st.t.Error(err)
		}
		fmt.Fprintf(w, "event: state\ndata: %s\n\n", strings.ReplaceAll(main.String(), "\n", "\ndata: "))
		w.(http.Flusher).Flush()
		time.Sleep(50 * time.Millisecond)
	}
}

func (st *stage) now() State {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.s
}

func (st *stage) isOn() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.on
}

func (st *stage) become(s State) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.s = s
}

func (st *stage) connect(on bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.on = on
}

func (st *stage) eventually(w *browser.Window, what, expression string) {
	st.t.Helper()
	devtest.Eventually(st.t, what, func() bool { return browser.Eval[bool](w, expression) })
}

func TestBrowser_APageIsRenewedInPlace(t *testing.T) {
	st := newStage(t, sample(12, 2, 3))
	w := st.window(browser.Desktop)
	w.Open("/ops")
	st.eventually(w, "it is live", `document.getElementById("live").textContent === "Live"`)
	// What a person does meanwhile: unfolds a statement, marks some text, scrolls, and goes to the last route's link.
	w.Run(`{
		window.folded = document.querySelector("#sql details"); folded.open = true;
		getSelection().selectAllChildren(folded.querySelector("pre"));
		window.link = [...document.querySelectorAll("#routes tbody a")].at(-1); link.focus();
		window.row = link.closest("tr"); window.place = row.rowIndex; scrollTo(0, 700); window.top700 = scrollY;
	}`)
	selected := browser.Eval[string](w, `String(getSelection())`)

	next := troubled()
	next.Routes = next.Routes[5:] // seven rows go
	next.Routes[6].Spark = []uint64{1 << 40}
	st.become(next)
	st.eventually(w, "it tells the trouble", `document.title.startsWith("Trouble: Redis answers only 4 of 6 workers")`)
	for what, holds := range map[string]string{
		"the row has moved to the top":         `row.isConnected && row.rowIndex === 1 && place === 12`,
		"the same link has the focus":          `document.activeElement === link`,
		"the statement is open":                `folded.isConnected && folded.open`,
		"the window has not jumped":            `Math.abs(scrollY - top700) < 300`,
		"the text is marked":                   fmt.Sprintf(`String(getSelection()) === %q`, selected),
		"rows have gone, and others have come": `document.querySelectorAll("#routes tbody tr").length === 7 && document.querySelectorAll("#slow tbody tr").length === 2`,
		"nothing of before is left":            `!document.querySelector(".verdict.good")`,
	} {
		if !browser.Eval[bool](w, holds) {
			t.Errorf("not so: %s", what)
		}
	}
	for _, s := range []State{{}, sample(60, 3, 8), troubled()} {
		st.become(s)
		want := mainOf(t, s)
		st.eventually(w, "the page is what the server would send", fmt.Sprintf(`{
			const same = new DOMParser().parseFromString(%q, "text/html").querySelector("main");
			const here = document.getElementById("main").cloneNode(true);
			for (const d of here.querySelectorAll("details")) d.removeAttribute("open");
			here.isEqualNode(same);
		}`, want))
	}
}

func TestBrowser_ALostConnectionIsTold(t *testing.T) {
	st := newStage(t, sample(12, 1, 2))
	w := st.window(browser.Desktop)
	w.Open("/ops")
	says := func(words string) string {
		return fmt.Sprintf(`document.getElementById("live").textContent.startsWith(%q)`, words)
	}
	st.eventually(w, "it is live", says("Live"))
	st.connect(false)
	st.eventually(w, "it tells the loss", says("Connection lost since "))
	first := browser.Eval[string](w, `document.getElementById("live").textContent`)
	w.Checked()
	st.become(troubled())
	st.connect(true)
	st.eventually(w, "it is live again", says("Live"))
	w.Reads("Trouble")
	if !strings.HasSuffix(first, " UTC, trying again") {
		t.Error(first)
	}

	w.Do(chromedp.Click(chromedp.CSS("#pause")))
	w.Reads("Paused since", "Go on")
	st.become(sample(12, 1, 2))
	time.Sleep(200 * time.Millisecond) // four times what the stream takes
	w.Reads("Trouble")
	w.Do(chromedp.Click(chromedp.CSS("#pause")))
	st.eventually(w, "it goes on", `document.title.startsWith("All well")`)
}

func TestBrowser_AnActionAsksFirst(t *testing.T) {
	browser.EveryScreen(t, func(t *testing.T, screen browser.Screen) {
		st := newStage(t, troubled())
		w := st.window(screen)
		w.Open("/ops")
		w.Reads("Trouble", "Redis answers only 4 of 6 workers", "Requests in flight for long")
		if !screen.Scripts {
			w.Reads("Without JavaScript")
		}
		w.Checked()
		w.Do(chromedp.Click(chromedp.CSS("#queues summary")))
		w.Reads("the receiver answered 410 Gone")
		w.Do(chromedp.Click(chromedp.CSS("#sql summary")))
		w.Checked()
		w.Leads(chromedp.Click(chromedp.CSS("#queues .letters a")))
		w.Reads("The dead letter 01JTCAJ6 of the queue outbox is tried again")
		w.Checked()
		w.Follow("Try again")
		w.SeesNotice("/ops", "retry", "The dead letter is tried again.")
		w.Checked()
		w.Open("/ops/plan?statement=rooms.get")
		w.Reads("Plan of rooms.get", "cost=0.00")
		w.Checked()
	})
}

func TestBrowser_EachStateFitsASmallPhone(t *testing.T) {
	long := sample(60, 3, 8)
	long.Routes[0].Name = "GET /" + strings.Repeat("very-long-part", 30)
	long.Settings[0].Value = strings.Repeat("x", 500)
	long.Total.Requests, long.Routes[0].Requests, long.History.Points[3].Rate = 1<<63, 1<<63, 1e15
	for _, s := range []State{{}, sample(0, 1, 1), long, troubled()} {
		w := newStage(t, s).window(browser.Screen{Name: "small phone", Width: 360, Height: 640, Scripts: true})
		w.Open("/ops") // checks that it fits
		w.Checked()
	}
}

func TestBrowser_AKeyboardLeadsEverywhere(t *testing.T) {
	st := newStage(t, troubled())
	w := st.window(browser.Desktop)
	w.Open("/ops")
	st.eventually(w, "it is live", `document.getElementById("live").textContent === "Live"`)
	press := func(key string) string {
		w.Do(chromedp.KeyEvent(key))
		return browser.Eval[string](w, `document.activeElement.id || document.activeElement.textContent.trim()`)
	}
	if at := press(kb.Tab); at != "Skip to content" {
		t.Errorf("the first is %s", at)
	}
	if at := press(kb.Enter); at != "main" {
		t.Errorf("it leads to %s", at)
	}
	if at := press(kb.Tab); at != "Redis answers only 4 of 6 workers" {
		t.Errorf("the first in it is %s", at)
	}
	if !browser.Eval[bool](w, `getComputedStyle(document.activeElement).outlineStyle === "solid"`) {
		t.Error("the focus is not seen")
	}
	reached := make(map[string]bool)
	for range 60 {
		reached[press(kb.Tab)] = true
	}
	for _, want := range []string{"These values as a table", "GET /rooms/:id", "Dead letters of outbox", "Replace the workers", "rooms.get"} {
		if !reached[want] {
			t.Errorf("Tab does not reach %q", want)
		}
	}
}
