package app_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"example.com/prefab/services"
)

func sized(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }

func chunked(body string) string {
	return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}

// jsonOf is an object of that many bytes.
func jsonOf(object string, bytes int) string {
	return object + strings.Repeat(" ", bytes-len(object))
}

func (c *client) head(method, path string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
		"Cookie: " + sessionCookie + "=" + c.cookie(sessionCookie) + "\r\n"
}

func TestBodies_AreTakenUpToTheLimitOfTheirRoute(t *testing.T) {
	const limit = 32 << 10
	s := shared(t)
	visitor := s.visitor()
	body := fmt.Sprintf(`{"email":%q,"password":%q}`, s.user("max", services.Member).Email, password)
	for _, form := range []func(string) string{sized, chunked} {
		w := s.dial()
		w.send(visitor.head("POST", sessionPath) + form(jsonOf(body, limit+1)))
		if got := w.status("POST"); got != http.StatusRequestEntityTooLarge {
			t.Errorf("above the limit: %d", got)
		}
		w.send("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
		if got := w.status("GET"); got != http.StatusOK {
			t.Errorf("the next request on the connection gets %d", got)
		}
		w = s.dial()
		w.send(visitor.head("POST", sessionPath) + form(jsonOf(body, limit)))
		if got := w.status("POST"); got != http.StatusOK {
			t.Errorf("as long as the limit: %d", got)
		}
	}
	w := s.dial()
	w.send(visitor.head("POST", sessionPath) + fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body)))
	if got := w.status("POST"); got != http.StatusContinue {
		t.Fatalf("a client that asks before it sends the body gets %d", got)
	}
	w.send(body)
	if got := w.status("POST"); got != http.StatusOK {
		t.Errorf("and then %d", got)
	}
}

// A client that is still sending must get the answer, not a reset connection.
func TestBodies_ThatAreRefusedAreReadUntilTheAnswerIsRead(t *testing.T) {
	visitor := shared(t).visitor()
	for _, path := range []string{sessionPath, "/nowhere"} {
		for range 2 {
			visitor.send("POST", path, strings.Repeat(" ", 8<<20)).want(http.StatusRequestEntityTooLarge)
			visitor.get("/", "X-Long", strings.Repeat("x", 900<<10)).problem(http.StatusRequestHeaderFieldsTooLarge)
		}
	}
}

// A body that no handler has read must not be taken for the next request.
func TestBodies_ThatAreNotReadAreNotTakenForRequests(t *testing.T) {
	s := shared(t)
	visitor := s.visitor()
	const smuggled = "DELETE /api/v1/session HTTP/1.1\r\nHost: x\r\n\r\n"
	small, large := strings.Repeat(smuggled, 10), strings.Repeat(smuggled, 10_000)
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{"DELETE", sessionPath, http.StatusNoContent},
		{"GET", "/health/live", http.StatusOK},
		{"HEAD", "/health/live", http.StatusOK},
		{"POST", "/nowhere", http.StatusNotFound},
		{"BREW", "/", http.StatusNotImplemented},
	} {
		for name, form := range map[string]func(string) string{"sized": sized, "in chunks": chunked} {
			for _, body := range []string{small, large} {
				w := s.dial()
				// The connection may be closed before all is sent.
				_, _ = io.WriteString(w.conn, visitor.head(test.method, test.path)+form(body)+"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
				if got := w.status(test.method); got != test.want {
					t.Errorf("%s %s with %d bytes %s: %d, want %d", test.method, test.path, len(body), name, got, test.want)
				}
				if len(body) > 256<<10 {
					if !w.isClosed() {
						t.Errorf("%s %s with %d bytes %s: the connection stays open", test.method, test.path, len(body), name)
					}
				} else if got := w.status("GET"); got != http.StatusOK {
					t.Errorf("%s %s with a body %s: the next request gets %d", test.method, test.path, name, got)
				}
			}
		}
	}
}
