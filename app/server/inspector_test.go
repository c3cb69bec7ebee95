package server

import (
	"fmt"
	"html"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest/browser"
	"example.com/prefab/handlers/dev"
	"example.com/prefab/services/tracing"
)

// inspect makes a request, and returns its page.
func inspect(t *testing.T, url, path string, header ...string) (id, page string) {
	t.Helper()
	response, _ := answer(t, url+path, header...)
	id = response.Header.Get("X-Request-Id")
	status, page := browse(t, url+dev.RequestsPath+"/"+id)
	if status != 200 {
		t.Fatalf("the page of %s is %d %s", path, status, page)
	}
	return id, page
}

// text is what a page shows, without its elements.
func text(page string) string {
	page = regexp.MustCompile(`(?s)<head>.*</head>|<[^>]*>`).ReplaceAllString(page, " ")
	return strings.Join(strings.Fields(html.UnescapeString(page)), " ")
}

// wantInOrder wants a page to tell these, one after the other.
func wantInOrder(t *testing.T, page string, parts ...string) {
	t.Helper()
	rest := text(page)
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Errorf("there is no %q in %s", part, rest)
			return
		}
		rest = after
	}
}

func TestInspector_ShowsWhatARequestDid(t *testing.T) {
	url := serveFailing(t, Development)
	id, page := inspect(t, url, "/lamps/7?page=2&token=hunter2", "Cookie", "id=hunter2", "X-Lamp", "<b>on</b>")
	wantInOrder(t, page, "GET /lamps/7?page=2&token=(masked)", "Status 200", "SQL 1 in ", "Cache 1 miss, 1 memory", "Bytes stream",
		"Route GET /lamps/:id", "Request id "+id,
		"log WARN a lamp flickers lamp.watts=60 error=\"the remote end is asleep\"",
		"cache lamp miss", "sql lamps.get ok, arguments: 1, rows: 1", "SELECT $1::text", "cache lamp memory",
		"Cookie (masked)", "X-Lamp <b>on</b>")
	for _, secret := range []string{"hunter2", "a secret value", "request_id="} {
		if strings.Contains(page, secret) {
			t.Errorf("it tells %q", secret)
		}
	}
	if strings.Contains(page, "N+1") || strings.Contains(page, "<h2>Errors") {
		t.Error("it tells of a fault")
	}
}

func TestInspector_PointsOutAnNPlusOneAndTheError(t *testing.T) {
	url := serveFailing(t, Development)
	_, page := inspect(t, url, "/api/fails")
	wantInOrder(t, page, "Status 500", "SQL 120 in", "N+1", "100 times", "lamps.find", "one statement", "Errors",
		"*fmt.wrapError look for lamps", "*errors.errorString the remote end is asleep", "log ERROR request failed", "And 20 more")
	_, page = inspect(t, url, "/panics")
	wantInOrder(t, page, "Status 500", "PanicError panic: out of cheese", "The whole stack", "develop_test.go")
}

func TestInspector_ListsTheLastRequestsNewestFirst(t *testing.T) {
	url := serveFailing(t, Development)
	for range 201 { // the oldest goes
		browse(t, url+"/page")
	}
	oldest, _ := inspect(t, url, "/fails")
	browse(t, url+"/nowhere?token=hunter2")
	browse(t, url+"/page", "Sec-Fetch-Dest", "image") // a part of a page
	browse(t, url+"/lamps/7", "Sec-Fetch-Dest", "image")
	list := func(query string) (rows []string) {
		_, body := browse(t, url+dev.RequestsPath+query)
		if strings.Contains(body, "hunter2") {
			t.Error("it tells a secret")
		}
		for _, row := range regexp.MustCompile(`(?s)<tr>\s<td.*?</tr>`).FindAllString(body, -1) {
			rows = append(rows, text(row))
		}
		return rows
	}
	rows := list("")
	if len(rows) != 200 {
		t.Errorf("it lists %d", len(rows))
	}
	for i, want := range []string{`GET /lamps/7 GET /lamps/:id 200 .* 1 in .* 1 miss, 1 memory stream$`,
		`GET /nowhere\?token=\(masked\) 404 .* 0 0 `, `GET /fails GET /fails 500 .* 120 in .* N\+1 0 `, `GET /page GET /page 200 `} {
		if !regexp.MustCompile(want).MatchString(rows[i]) {
			t.Errorf("the row is %q, want %s", rows[i], want)
		}
	}
	for query, want := range map[string]int{
		"?status=5": 1, "?status=4": 1, "?route=GET+/lamps/:id": 1, "?route=GET+/fails&status=5": 1, "?route=GET+/fails&status=2": 0,
	} {
		if rows := list(query); len(rows) != want {
			t.Errorf("%s lists %q", query, rows)
		}
	}
	for range 200 {
		browse(t, url+"/page")
	}
	if status, body := browse(t, url+dev.RequestsPath+"/"+oldest); status != 404 || !strings.Contains(body, "Another worker may") {
		t.Errorf("a request that is not kept is %d %s", status, body)
	}
}

// The window's console tells if the policy forbids something.
func TestBrowser_TheInspector(t *testing.T) {
	url := serveFailing(t, Development)
	browser.EveryScreen(t, func(t *testing.T, l browser.Screen) {
		w := browser.New(t, url, l)
		w.Open("/fails")
		w.Checked()
		w.Follow("This request in the inspector")
		w.Reads("GET /fails", "100 times this request has sent lamps.find")
		w.Checked()
		w.Follow("GET /fails")
		w.Reads("Requests in development", "N+1", "GET /fails")
		w.Checked()
		w.Run(`document.querySelector("[name=status]").value = "4"; undefined`)
		w.Follow("Filter")
		w.IsAt(dev.RequestsPath+"?route=GET+%2Ffails&status=4", 200)
		w.Reads("There are none.")
		w.Checked()
		w.Follow("all")
		w.Reads("GET /fails")
	})
}

func TestKeepLines_WritesTheSameLinesAsWithout(t *testing.T) {
	var texts [2]strings.Builder
	trace := &tracing.Trace{ID: "7"}
	trace.KeepEvents()
	for i, h := range []slog.Handler{slog.NewTextHandler(&texts[0], nil), newKeepLines(slog.NewTextHandler(&texts[1], nil))} {
		for n, log := range []*slog.Logger{slog.New(h), slog.New(h).With("a", 1), slog.New(h).With("a", 1).WithGroup("g").With("b", 2)} {
			log.InfoContext(tracing.With(t.Context(), trace), fmt.Sprint("line ", n), "route", "x", "c", 3)
			log.Info("without a request", "i", i*0)
		}
	}
	clock := regexp.MustCompile(`time=\S+`)
	if a, b := clock.ReplaceAllString(texts[0].String(), ""), clock.ReplaceAllString(texts[1].String(), ""); a != b || a == "" {
		t.Errorf("%s\nis not\n%s", b, a)
	}
	var kept []string
	for _, l := range trace.Events().Kept().Lines.List {
		kept = append(kept, l.Message+" "+l.Attrs)
	}
	if got := strings.Join(kept, "; "); got != "line 0 c=3; line 1 a=1 c=3; line 2 a=1 g.b=2 g.route=x g.c=3" {
		t.Errorf("kept is %q", got)
	}
}
