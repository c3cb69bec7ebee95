package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/app/devservices/devtest/browser"
)

const shopOrigin = "https://shop.example"

// preflight is what a browser asks before a request that a form could not make.
func (s *service) preflight(origin, path, method string) answer {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodOptions, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Origin", origin)
	request.Header.Set("Access-Control-Request-Method", method)
	request.Header.Set("Access-Control-Request-Headers", "authorization")
	response, err := s.transport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	return read(s, "preflight of "+method+" "+path, response)
}

func TestCORS_AllAnswersToAnAllowedOriginCanBeRead(t *testing.T) {
	s := start(t, "CORS_ORIGINS="+shopOrigin, "BODY_LIMIT=1024", "API_RATE_LIMIT=6")
	visitor := s.visitor()
	for _, c := range []struct {
		status       int
		method, path string
		body         string
	}{
		{200, "GET", "/openapi.json", ""},
		{304, "GET", "/openapi.json", ""},
		{200, "GET", "/health/live", ""},
		{401, "GET", sessionPath, ""},
		{403, "POST", sessionPath, "{}"}, // signing in stays with this origin
		{404, "GET", "/nowhere", ""},
		{400, "GET", "/%ff", ""},
		{413, "POST", sessionPath, `{"email":"` + strings.Repeat("x", 2000) + `"}`},
		{422, "DELETE", sessionPath + "?unknown=1", ""},
		{204, "DELETE", sessionPath, ""},
		{401, "GET", sessionPath, ""},
		{401, "GET", sessionPath, ""},
		{429, "GET", sessionPath, ""},
	} {
		header := []string{"Origin", shopOrigin, "Sec-Fetch-Site", "cross-site"}
		if c.status == http.StatusNotModified {
			header = append(header, "If-None-Match", "*")
		}
		got := visitor.send(c.method, c.path, c.body, header...).want(c.status)
		if allowed := got.header.Get("Access-Control-Allow-Origin"); allowed != shopOrigin {
			t.Errorf("%s, %d: a page may not read it: %v", got.asked, got.status, got.header)
		}
		if vary := got.header.Get("Vary"); !strings.Contains(vary, "Origin") {
			t.Errorf("%s, %d: Vary: %s", got.asked, got.status, vary)
		}
		if got.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s, %d: a page may send cookies", got.asked, got.status)
		}
	}
	// The client's requests are used up; a preflight is none of them, and asks for no session.
	for _, path := range []string{sessionPath, "/", "/nowhere"} {
		if got := s.preflight(shopOrigin, path, "DELETE").want(http.StatusNoContent); got.header.Get("X-Request-Id") == "" ||
			got.header.Get("Access-Control-Allow-Origin") != shopOrigin || len(got.body) > 0 {
			t.Errorf("%s: %v %s", got.asked, got.header, got.body)
		}
	}
	if got := s.preflight("https://other.example", sessionPath, "DELETE"); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin is allowed: %v", got.header)
	}
}

func TestCORS_IsOffByDefault(t *testing.T) {
	s := shared(t)
	s.preflight(shopOrigin, sessionPath, "DELETE").problem(http.StatusMethodNotAllowed)
	got := s.visitor().get("/openapi.json", "Origin", shopOrigin).want(http.StatusOK)
	if got.header.Get("Access-Control-Allow-Origin") != "" || strings.Contains(got.header.Get("Vary"), "Origin") {
		t.Errorf("the answer has %v", got.header)
	}
}

func TestCORS_BadOriginsAreRefusedAtTheStart(t *testing.T) {
	_, err := load(t, "CORS_ORIGINS=https://shop.example/path", "API_RATE_LIMIT=-1")
	for _, name := range []string{"CORS_ORIGINS: must be origins", "API_RATE_LIMIT: must be"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not told: %v", name, err)
		}
	}
}

// A page of another origin reads answers and errors in a real browser, and cannot use the
// session that the browser has.
func TestBrowser_APageOfAnAllowedOriginReadsAnswersWithoutTheSession(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>shop</title><p>A shop.`)
	}))
	t.Cleanup(page.Close)
	s := startOn(t, devtest.Database(t), devtest.Redis(t), "CORS_ORIGINS="+page.URL)
	w := s.window(browser.Desktop)
	user := s.user("max", "member")
	w.Open("/login")
	signIn(w, user.Email)
	w.Base = page.URL
	w.Open("/")
	call := func(method, path, more string) string {
		return browser.Eval[string](w, fmt.Sprintf(`fetch(%q, {method: %q, %s}).then(async r =>
			[r.status, r.headers.get("X-Request-Id")?.length, (await r.text()).includes("title")].join(" "),
			e => "hidden")`, s.url+path, method, more))
	}
	got := []string{
		call("GET", "/openapi.json", ""),
		call("GET", sessionPath, ""),                                  // the cookie stays at home
		call("DELETE", sessionPath, `headers: {"X-Any-Header": "1"}`), // after a preflight
		call("PATCH", "/api/v1/nowhere", ""),
	}
	if want := []string{"200 32 true", "401 32 true", "204 32 false", "404 32 true"}; !slices.Equal(got, want) {
		t.Errorf("the page reads %q, want %q", got, want)
	}
	w.Base = s.url
	w.Open("/login") // leads on who is still signed in
	if at := w.Path(); at == "/login" {
		t.Error("a page of another origin has ended the session")
	}
}
