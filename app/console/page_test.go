package console

import (
	"bytes"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func rendered(t testing.TB, render func(*bytes.Buffer) error) string {
	t.Helper()
	var page bytes.Buffer
	if err := render(&page); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

func pageOf(t testing.TB, s State, notice string) string {
	t.Helper()
	return rendered(t, func(b *bytes.Buffer) error { return renderPage(b, s, notice) })
}

func mainOf(t testing.TB, s State) string {
	t.Helper()
	return rendered(t, func(b *bytes.Buffer) error { return renderMain(b, s) })
}

func TestPage_HoldsTheMainThatTheStreamSends(t *testing.T) {
	for _, s := range []State{{}, sample(12, 2, 3), troubled()} {
		if part := strings.TrimSpace(mainOf(t, s)); !strings.Contains(pageOf(t, s, ""), part) || !strings.HasPrefix(part, "<main ") {
			t.Errorf("the page has another main than %.300s", part)
		}
	}
}

func TestPage_SaysThatThereIsNothing(t *testing.T) {
	text := pageOf(t, State{}, "")
	for _, want := range []string{
		"no worker has told its state", "No requests yet.", "Nothing is cached yet.", "No statement has run yet.",
		"All settings have their defaults.", "No limit was hit.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q", want)
		}
	}
}

// spoil puts the text into each string below v.
func spoil(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + text)
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i), text)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				spoil(field, text)
			}
		}
	}
}

func TestPage_EscapesAllTexts(t *testing.T) {
	const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(1)>&`
	s := troubled()
	spoil(reflect.ValueOf(&s).Elem(), hostile)
	a := Action{Do: "retry", Queue: hostile, Key: hostile, Job: hostile}
	for _, text := range []string{
		pageOf(t, s, hostile),
		rendered(t, func(b *bytes.Buffer) error { return renderConfirm(b, a, hostile) }),
		rendered(t, func(b *bytes.Buffer) error { return renderPlan(b, hostile, hostile, hostile, hostile) }),
	} {
		if strings.Contains(text, "<script>") || strings.Contains(text, "<img src=x") {
			t.Errorf("a text is not escaped: %s", text)
		}
		if !strings.Contains(html.UnescapeString(text), hostile) {
			t.Error("the text is lost")
		}
	}
}

func TestPage_LinksEachRouteToItsPlots(t *testing.T) {
	s := sample(12, 1, 1)
	s.History.Route = "GET /rooms/:id"
	text := mainOf(t, s)
	for _, want := range []string{`href="?route=GET%20%2frooms%2f%3aid" aria-current="true"`, `<a href="/ops">Show all routes</a>`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestPage_OffersActionsOnlyIfTheyAreOn(t *testing.T) {
	s := troubled()
	for _, query := range []string{
		"do=retry&amp;queue=outbox&amp;key=01JTCAJ6", "do=discard&amp;queue=outbox&amp;key=01JTCAJ6", "do=run&amp;job=prune-rooms", "do=roll",
	} {
		if n := strings.Count(mainOf(t, s), `href="/ops/confirm?`+query+`"`); n != 1 {
			t.Errorf("%s is there %d times", query, n) // a node replaces its own workers only
		}
	}
	s.Rolls = false
	if strings.Contains(mainOf(t, s), "do=roll") {
		t.Error("a single process offers to replace workers")
	}
	s.Actions = false
	if text := pageOf(t, s, ""); strings.Contains(text, "/ops/confirm") || !strings.Contains(text, "OPS_ACTIONS") {
		t.Error("it offers actions that are off, or does not say that they are")
	}
}

func TestPage_ShowsSettingsThatDifferFirst(t *testing.T) {
	text := mainOf(t, sample(1, 1, 1))
	changed, folded, same := strings.Index(text, "DATABASE_URL"), strings.Index(text, `id="defaults"`), strings.Index(text, "CACHE_TTL")
	if changed < 0 || folded < changed || same < folded {
		t.Errorf("they are at %d, %d and %d", changed, folded, same)
	}
}

func TestPage_HasNoIDTwice(t *testing.T) {
	seen := make(map[string]bool)
	for _, match := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(pageOf(t, troubled(), "Done."), -1) {
		if seen[match[1]] {
			t.Errorf("%s is there twice", match[1])
		}
		seen[match[1]] = true
	}
	if len(seen) < 40 {
		t.Errorf("there are only %d", len(seen))
	}
}

func TestRenderMain_StaysSmall(t *testing.T) {
	s := sample(60, 3, 8)
	for range 20 {
		s.Statements, s.Slow = append(s.Statements, s.Statements[0]), append(s.Slow, Call{Route: "GET /"})
	}
	text := mainOf(t, s)
	if len(text) > 120<<10 {
		t.Errorf("it has %d bytes", len(text))
	}
	if !strings.Contains(text, "6 more are in") {
		t.Error("it does not say that there are more statements")
	}
}

func TestRender_WritesNothingIfItFails(t *testing.T) {
	var page bytes.Buffer
	if err := render(&page, "main", struct{ Title string }{}); err == nil || page.Len() > 0 {
		t.Errorf("it wrote %q, error %v", page.String(), err)
	}
	if err := renderMain(broken{}, State{}); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestConfirm_PostsTheSameAction(t *testing.T) {
	a := Action{Do: "discard", Queue: "outbox", Key: "k1"}
	text := rendered(t, func(b *bytes.Buffer) error { return renderConfirm(b, a, "") })
	for _, want := range []string{
		`method="post" action="/ops/actions"`, `name="do" value="discard"`, `name="queue" value="outbox"`, `name="key" value="k1"`,
		a.Describe(), `href="/ops">Back</a>`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestServeFile_GivesTheFilesAndNoTemplate(t *testing.T) {
	get := func(name, etag string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ops/"+name, nil)
		r.Header.Set("If-None-Match", etag)
		w := httptest.NewRecorder()
		serveFile(w, r, name)
		return w
	}
	for name, kind := range map[string]string{
		"console.css": "text/css; charset=utf-8", "console.js": "text/javascript; charset=utf-8", "console.svg": "image/svg+xml",
	} {
		w := get(name, "")
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != kind {
			t.Errorf("%s: %d %s", name, w.Code, w.Header().Get("Content-Type"))
		}
		if again := get(name, w.Header().Get("Etag")); again.Code != http.StatusNotModified {
			t.Errorf("%s: asked again, it answers %d", name, again.Code)
		}
	}
	for _, name := range []string{"console.html", "nothing.css", "../doc.go", ""} {
		if w := get(name, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func BenchmarkMain(b *testing.B) {
	s, size := sample(60, 3, 8), 0
	b.ReportAllocs()
	for b.Loop() {
		size = len(mainOf(b, s))
	}
	b.ReportMetric(float64(size), "bytes")
}
