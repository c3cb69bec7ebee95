package app_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/app"
)

// Every route takes the methods that it lists, HEAD where it lists GET, and no other;
// Allow names them.
func TestErrors_MethodNotAllowedNamesThoseThatAre(t *testing.T) {
	s := shared(t)
	methods := make(map[string][]string)
	for _, r := range app.Routes() {
		methods[r.Path] = append(methods[r.Path], r.Method)
	}
	parameter := regexp.MustCompile(`:\w+`)
	for pattern, taken := range methods {
		if slices.Contains(taken, "GET") != slices.Contains(taken, "HEAD") {
			t.Errorf("%s is a route of %v", pattern, taken)
		}
		path, allow := parameter.ReplaceAllString(pattern, "1"), strings.Join(taken, ", ")
		for _, method := range fiber.DefaultMethods {
			var got answer
			if method == http.MethodConnect { // which Go's client sends to a proxy
				got = s.raw("CONNECT " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
			} else {
				got = s.visitor().send(method, path, "")
			}
			routed := slices.Contains(taken, method)
			if routed == (got.status == http.StatusMethodNotAllowed) || !routed && got.header.Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow is %q, want %q", method, path, got.status, got.header.Get("Allow"), allow)
			}
		}
	}
}

// Before any route there is HTTP itself.
func TestErrors_OfHTTPItselfAreProblemsToo(t *testing.T) {
	s := start(t, "BODY_LIMIT=2048", "HEADER_LIMIT=2048", "READ_TIMEOUT=500ms")
	const head = "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	long := "GET / HTTP/1.1\r\nHost: x\r\nX-Long: "
	for name, test := range map[string]struct {
		text string
		want int
	}{
		"a method nobody knows":    {"BREW /api/v1/session HTTP/1.1\r\nHost: x\r\n\r\n", 501},
		"a method in lower case":   {"get /api/v1/session HTTP/1.1\r\nHost: x\r\n\r\n", 501},
		"a header without a colon": {"GET / HTTP/1.1\r\nHost: x\r\nbad\r\n\r\n", 400},
		"two lengths":              {head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
		"a length and chunks":      {head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		"an unknown coding":        {head + "Transfer-Encoding: gzip\r\n\r\n", 400},
		"a body that is announced": {head + "Content-Length: 2049\r\n\r\n" + strings.Repeat("x", 2048), 413},
		"a body in chunks":         {head + "Transfer-Encoding: chunked\r\n\r\n900\r\n" + strings.Repeat("x", 0x900), 413},
		"chunks that stop":         {head + "Transfer-Encoding: chunked\r\n\r\n900\r\n{", 408},
		"chunks that are none":     {head + "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400},
		"a header without an end":  {long + strings.Repeat("x", 2048-len(long)), 431},
		"a header that stops":      {"GET / HTTP/1.1\r\nHost: x", 408},
		"a body that stops":        {head + "Content-Length: 20\r\n\r\n{", 408},
	} {
		got := s.raw(test.text)
		if got.status != test.want {
			t.Errorf("%s: %d %s, want %d", name, got.status, got.body, test.want)
			continue
		}
		problem := got.problem(test.want)
		if problem.Status != test.want || problem.Detail == "" || got.header.Get("X-Request-Id") == "" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %+v with %v", name, problem, got.header)
		}
	}
	s.visitor().get("/health/live").want(http.StatusOK)
}
