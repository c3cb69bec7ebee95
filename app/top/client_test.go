package top

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/console"
)

// serve answers each request with what state returns for the route.
func serve(t *testing.T, state func(route string) console.State) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ops.json" {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(state(r.URL.Query().Get("route")))
	}))
	t.Cleanup(server.Close)
	return server
}

func addressOf(server *httptest.Server) string { return strings.TrimPrefix(server.URL, "http://") }

func TestRun_PrintsOneReportWhereThereIsNoTerminal(t *testing.T) {
	for _, state := range []console.State{sample(), hostileSample(), {}} {
		var out bytes.Buffer
		server := serve(t, func(string) console.State { return state })
		if err := Run(t.Context(), Options{Address: addressOf(server), Out: &out}); err != nil {
			t.Fatal(err)
		}
		for text := range strings.Lines(out.String()) {
			if text = strings.TrimSuffix(text, "\n"); strings.ContainsFunc(text, notPrintable) {
				t.Errorf("the report has the line %q", text)
			}
		}
		for _, want := range []string{"Route, by rate", "Slow requests", "Worker", "Cache", "Job", "SQL, by load"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("the report has no %s:\n%s", want, out.String())
			}
		}
	}
}

func TestRun_SaysWhyTheServiceCannotBeReachedAndWhatToDo(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	answering := func(status int, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", serve(t, func(string) console.State { return sample() }).URL+"/ops.json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(server.Close)
		return addressOf(server)
	}
	for address, want := range map[string]string{
		"":                    "set ADMIN_ADDR, or use --addr",
		"localhost":           "set ADMIN_ADDR, or use --addr",
		addressOf(gone):       "nothing listens there: is the service running? is ADMIN_ADDR set",
		answering(404, ""):    "404 Not Found: is it the ADMIN_ADDR",
		answering(302, ""):    "302 Found: is it the ADMIN_ADDR",
		answering(200, "<p>"): "cannot be read: is it the ADMIN_ADDR",
		answering(200, `{"node":"`+strings.Repeat("a", maxBody)+`"}`): "cannot be read", // bounded
	} {
		if err := Run(t.Context(), Options{Address: address, Out: io.Discard}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("at %q it says %v instead of %q", address, err, want)
		}
	}
}

func TestRun_ErrorsHoldNothingThatATerminalExecutes(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer connection.Close()
		_, _ = io.WriteString(connection, "HTTP/1.1 404 \x1b]0;owned\a\u202e\r\nContent-Length: 0\r\n\r\n")
	}))
	defer server.Close()
	err := Run(t.Context(), Options{Address: addressOf(server), Out: io.Discard})
	if err == nil || strings.ContainsFunc(err.Error(), notPrintable) || !strings.Contains(err.Error(), "404") {
		t.Errorf("the error is %q", err)
	}
}

func TestClient_DoesNotWaitForAServiceThatHangs(t *testing.T) {
	release := make(chan struct{})
	server := serve(t, func(string) console.State { <-release; return sample() })
	defer close(release)
	c, err := newClient(addressOf(server))
	if err != nil {
		t.Fatal(err)
	}
	c.http.Timeout = time.Millisecond
	if _, err := c.state(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("it says %v", err)
	}
}

func TestClient_AsksAServiceThatListensEverywhereAtLocalhost(t *testing.T) {
	for address, want := range map[string]string{
		":3001": "localhost:3001", "0.0.0.0:3001": "localhost:3001", "[::]:3001": "localhost:3001",
		"127.0.0.1:3001": "127.0.0.1:3001", "[::1]:3001": "[::1]:3001", "ops.example:1": "ops.example:1",
	} {
		if c, err := newClient(address); err != nil || c.address != want {
			t.Errorf("%s is asked at %v, %v", address, c, err)
		}
	}
}
