package console_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"example.com/prefab/app/console"
	"example.com/prefab/app/devservices/devtest"
)

// served is a node whose console is served.
type served struct {
	*testNode
	t   *testing.T
	url string
}

func serve(t *testing.T, o console.Options) served {
	t.Helper()
	o.Node.Name, o.Redis = "a", devtest.RedisClient(t, devtest.Redis(t))
	n := startNodeWith(t, o, 0, 1)
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
	return served{n, t, server.URL}
}

// send makes a request, with a form unless that is empty, and returns what is answered. It
// does not follow a redirect.
func (s served) send(method, path, form string, headers ...string) (status int, location, body string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(form))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if policy := answer.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'self'") ||
		strings.Contains(policy, "unsafe") {
		s.t.Errorf("%s has the policy %q", path, policy)
	}
	return answer.StatusCode, answer.Header.Get("Location"), string(text)
}

func TestActions_AskFirstAndTellTheWorker(t *testing.T) {
	s := serve(t, console.Options{Actions: true})
	for form, want := range map[string]console.Question{
		"do=run&job=prune":                 {Kind: console.RunJob, Name: "prune"},
		"do=retry&queue=stock&key=%227%22": {Kind: console.Retry, Name: "stock", Key: `"7"`},
		"do=discard&queue=outbox&key=8":    {Kind: console.Discard, Name: "outbox", Key: "8"},
	} {
		if status, _, page := s.send("GET", "/ops/confirm?"+form, ""); status != http.StatusOK || !strings.Contains(page, "<form") {
			t.Errorf("before %s it asks %d %s", form, status, page)
		}
		if len(s.asked) > 0 {
			t.Fatalf("%s is done before it is confirmed", form)
		}
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		status, location, body := s.send("POST", "/ops/actions", form, "Sec-Fetch-Site", "same-origin")
		if status != http.StatusSeeOther || location != "/ops?done="+values.Get("do") {
			t.Fatalf("%s leads to %d %s %s", form, status, location, body)
		}
		if got := <-s.asked; got != want {
			t.Errorf("%s asks %+v, want %+v", form, got, want)
		}
	}
	if status, _, body := s.send("POST", "/ops/actions", "do=roll"); status != http.StatusSeeOther || s.rolls.Load() != 1 {
		t.Errorf("to replace the workers is %d %s, and was done %d times", status, body, s.rolls.Load())
	}
	if log := s.log.String(); strings.Count(log, "console action") != 4 || !strings.Contains(log, "job=prune") {
		t.Errorf("the log says\n%s", log)
	}
}

func TestActions_ASingleProcessHasNoWorkersToReplace(t *testing.T) {
	for slots, want := range map[int]bool{1: false, 2: true} {
		o := console.Options{Actions: true, Redis: devtest.RedisClient(t, devtest.Redis(t))}
		if s := startNodeWith(t, o, []int{0, 1}[:slots]...).State(t.Context(), ""); !s.Actions || s.Rolls != want {
			t.Errorf("with %d slots: actions %t, rolls %t", slots, s.Actions, s.Rolls)
		}
	}
}

func TestActions_SayWhyTheyFailed(t *testing.T) {
	s := serve(t, console.Options{Actions: true})
	s.answers.Store(0, console.Answer{Error: "Unknown here.", Missing: true})
	s.answers.Store(1, console.Answer{Error: "The job <b>runs</b> already."})
	status, _, page := s.send("POST", "/ops/actions", "do=run&job=prune")
	if status != http.StatusConflict || !strings.Contains(page, "The job &lt;b&gt;runs&lt;/b&gt; already.") {
		t.Errorf("the page is %d %s", status, page)
	}
	for _, form := range []string{"x=1", "do=drop", "do=run", "do=retry&queue=stock", "do=run&job=" + strings.Repeat("x", 300)} {
		for _, request := range [][3]string{{"GET", "/ops/confirm?" + form, ""}, {"POST", "/ops/actions", form}} {
			if status, _, _ := s.send(request[0], request[1], request[2]); status != http.StatusUnprocessableEntity {
				t.Errorf("%s %s is answered by %d", request[0], form, status)
			}
		}
	}
	if status, _, _ := s.send("POST", "/ops/actions", "do=run&job="+strings.Repeat("x", 5000)); status != http.StatusBadRequest {
		t.Errorf("a large form is answered by %d", status)
	}
}

func TestActions_AreRefusedToOtherSitesAndUnlessTheyAreOn(t *testing.T) {
	s := serve(t, console.Options{Actions: true})
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "http://evil.example"}, {"Origin", "null"},
	} {
		if status, _, _ := s.send("POST", "/ops/actions", "do=roll", headers...); status != http.StatusForbidden {
			t.Errorf("with %v it is %d", headers, status)
		}
	}
	off := serve(t, console.Options{})
	for path, want := range map[string]int{
		"/ops/confirm?do=roll": 404, "/debug/pprof/": 404, "/debug/pprof/heap": 404, "/ops/nowhere": 404,
		"/ops/console.html": 404, "/ops": 200, "/ops/console.css": 200, "/ops.json": 200,
	} {
		if status, _, _ := off.send("GET", path, ""); status != want {
			t.Errorf("%s is %d, want %d", path, status, want)
		}
	}
	if status, _, _ := off.send("POST", "/ops/actions", "do=roll"); status < 400 || s.rolls.Load()+off.rolls.Load() > 0 {
		t.Errorf("the action is answered by %d", status)
	}
}

func TestPlan_IsThatOfAKnownStatement(t *testing.T) {
	s := serve(t, console.Options{})
	s.queries.WithLabelValues("lamps.list", "ok").Observe(1)
	s.answers.Store(0, console.Answer{Texts: map[string]string{"lamps.list": "SELECT <1>"}, Plan: "Seq Scan on <lamps>"})
	if _, _, page := s.send("GET", "/ops/plan?statement=lamps.list", ""); !strings.Contains(page, "Seq Scan on &lt;lamps&gt;") {
		t.Errorf("the page is %s", page)
	}
	if got := <-s.asked; got != (console.Question{Kind: console.Plan, Name: "lamps.list"}) {
		t.Errorf("the question is %+v", got)
	}
	if status, _, page := s.send("GET", "/ops/plan?statement=DROP+TABLE", ""); status != http.StatusOK || len(s.asked) > 0 {
		t.Errorf("an unknown statement is asked for: %s", page)
	}
}

func TestEvents_SendTheStateUntilTheViewerLeaves(t *testing.T) {
	s := serve(t, console.Options{})
	const viewers = 16
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	open := func() (status int, events *bufio.Scanner) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/ops/events?route=GET+/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = answer.Body.Close() })
		events = bufio.NewScanner(answer.Body)
		events.Buffer(nil, 1<<20)
		events.Split(func(data []byte, _ bool) (int, []byte, error) {
			if i := bytes.Index(data, []byte("\n\n")); i >= 0 {
				return i + 2, data[:i], nil
			}
			return 0, nil, nil
		})
		return answer.StatusCode, events
	}
	for range viewers - 1 {
		if status, _ := open(); status != http.StatusOK {
			t.Fatalf("it is %d", status)
		}
	}
	_, events := open()
	for range 2 {
		if !events.Scan() || !strings.HasPrefix(events.Text(), "event: state\ndata: <main") || !strings.Contains(events.Text(), "GET /") {
			t.Fatalf("the event is %.200s: %v\n%s", events.Text(), events.Err(), s.log.String())
		}
		for line := range strings.Lines(events.Text()) {
			if !strings.HasPrefix(line, "data: ") && line != "event: state\n" {
				t.Fatalf("the event has the line %.100s", line)
			}
		}
	}
	if status, _ := open(); status != http.StatusServiceUnavailable {
		t.Errorf("one viewer too many gets %d", status)
	}
	leave()
	ctx = t.Context()
	devtest.Eventually(t, "there is room again", func() bool { status, _ := open(); return status == http.StatusOK })
}

func TestProfiles_AreThoseOfAWorker(t *testing.T) {
	s := serve(t, console.Options{Profiles: true})
	s.answers.Store(1, console.Answer{Profile: []byte("made by worker 1")})
	s.answers.Store(0, console.Answer{Error: "No profile: there is no such profile."})
	if _, _, list := s.send("GET", "/debug/pprof/", ""); !strings.Contains(list, "/debug/pprof/heap?worker=1'") {
		t.Errorf("the list is %s", list)
	}
	if status, _, body := s.send("GET", "/debug/pprof/profile?worker=1&seconds=99999", ""); status != http.StatusOK || body != "made by worker 1" {
		t.Errorf("the profile is %d %s", status, body)
	}
	if got := <-s.asked; got != (console.Question{Kind: console.Profile, Name: "profile", Seconds: 60}) {
		t.Errorf("the question is %+v", got)
	}
	if status, _, _ := s.send("GET", "/debug/pprof/heap?worker=1", "", "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("another site's page gets %d", status)
	}
	for path, want := range map[string]int{"/debug/pprof/nothing": 503, "/debug/pprof/heap?worker=7": 404} {
		if status, _, body := s.send("GET", path, ""); status != want {
			t.Errorf("%s is %d %s", path, status, body)
		}
	}
}
