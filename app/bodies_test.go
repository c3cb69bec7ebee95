package app_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"example.com/prefab/services"
)

func sized(body string) string   { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }
func chunked(body string) string { return chunk(body) + "0\r\n\r\n" }
func chunk(body string) string {
	return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body), body)
}

// jsonOf is an object of that many bytes.
func jsonOf(object string, bytes int) string {
	return object + strings.Repeat(" ", bytes-len(object))
}

func (c *client) head(method, path string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
		"Cookie: " + sessionCookie + "=" + c.cookie(sessionCookie) + "\r\n"
}

func TestBodies_AreTakenUpToTheLimitOfTheirRouteWholeOrInChunks(t *testing.T) {
	s := start(t, "BODY_LIMIT=100000")
	admin, product := s.admin(), s.product()
	for _, route := range []struct {
		method, path, body string
		limit, want        int
	}{
		{"PATCH", product, `{"name":"Lamp"}`, 100_000, http.StatusOK},
		{"PUT", product + "/stock", `{"quantity":1}`, 32 << 10, http.StatusAccepted},
		{"POST", product + "/reviews", `{"rating":5,"body":"Good."}`, 32 << 10, http.StatusCreated},
		{"POST", sessionPath, `{"email":"ada@people.example","password":"` + password + `"}`, 32 << 10, http.StatusOK},
	} {
		for _, form := range []func(string) string{sized, chunked} {
			w := s.dial()
			w.send(admin.head(route.method, route.path) + form(jsonOf(route.body, route.limit+1)))
			if got := w.status("POST"); got != http.StatusRequestEntityTooLarge {
				t.Errorf("%s %s above its limit: %d", route.method, route.path, got)
			}
			w.send("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
			if got := w.status("GET"); got != http.StatusOK {
				t.Errorf("the next request on the connection gets %d", got)
			}
		}
		w := s.dial()
		w.send(admin.head(route.method, route.path) + chunked(jsonOf(route.body, route.limit)))
		if got := w.status("POST"); got != route.want {
			t.Errorf("%s %s in chunks: %d, want %d", route.method, route.path, got, route.want)
		}
	}
}

// A client that is still sending must get the answer, not a reset connection.
func TestBodies_ThatAreRefusedAreTakenUntilTheAnswerIsRead(t *testing.T) {
	s := start(t)
	admin, product := s.admin(), s.product()
	for _, path := range []string{product, product + "/stock", product + "/nowhere"} {
		for range 5 {
			got := admin.send("PUT", path, strings.Repeat(" ", 8<<20))
			if got.status != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: %d", path, got.status)
			}
			admin.get("/", "X-Long", strings.Repeat("x", 900<<10)).problem(http.StatusRequestHeaderFieldsTooLarge)
		}
	}
}

// A body that no handler has read must not be taken for the next request.
func TestBodies_ThatAreNotReadAreNotTakenForRequests(t *testing.T) {
	s := start(t)
	visitor := s.visitor()
	const smuggled = "DELETE /api/v1/session HTTP/1.1\r\nHost: x\r\n\r\n"
	small, large := strings.Repeat(smuggled, 10), strings.Repeat(smuggled, 10_000)
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{"POST", productsPath, http.StatusUnauthorized},
		{"PATCH", productsPath + "/1", http.StatusUnauthorized},
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
						t.Errorf("%s %s with %d bytes %s: the connection stays", test.method, test.path, len(body), name)
					}
				} else if got := w.status("GET"); got != http.StatusOK {
					t.Errorf("%s %s with a body %s: the next request gets %d", test.method, test.path, name, got)
				}
			}
		}
	}
}

func TestBodies_AreAskedForWhereTheClientExpectsIt(t *testing.T) {
	s := start(t)
	admin, product := s.admin(), s.product()
	w := s.dial()
	body := jsonOf(`{"name":"Lamp"}`, 50_000)
	w.send(admin.head("PATCH", product) + fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body)))
	if got := w.status("PATCH"); got != http.StatusContinue {
		t.Fatalf("the first answer is %d", got)
	}
	w.send(body)
	if got := w.status("PATCH"); got != http.StatusOK {
		t.Errorf("the answer is %d", got)
	}
}

func TestBodies_ThatStopAre408(t *testing.T) {
	s := start(t, "READ_TIMEOUT=500ms")
	admin, product := s.admin(), s.product()
	for _, text := range []string{
		"Content-Length: 50000\r\n\r\n" + jsonOf(`{"name":"Lamp"}`, 30_000), chunk(jsonOf(`{"name":"Lamp"}`, 30_000)),
	} {
		w := s.dial()
		w.send(admin.head("PATCH", product) + text)
		if got := w.status("PATCH"); got != http.StatusRequestTimeout {
			t.Errorf("%.30q: %d", text, got)
		}
		if !w.isClosed() {
			t.Errorf("%.30q: the connection stays", text)
		}
	}
}

func TestBodies_BeyondTheBudgetAre503AndSmallOnesAreTaken(t *testing.T) {
	s := start(t, "BODY_LIMIT=65536", "BODY_BUDGET=65536")
	admin, product := s.admin(), s.product()
	const rest = 5_000
	large := jsonOf(`{"name":"Chair"}`, 40_000)
	var slow *wire
	var refused answer
	eventually(t, "the budget is used up", func() bool {
		if slow == nil || slow.isAnswered() { // it came when the other one was taken
			slow = s.dial()
			slow.send(admin.head("PATCH", product) + "Content-Length: 60000\r\n\r\n" + jsonOf(`{"name":"Lamp"}`, 60_000-rest))
		}
		for range 3 { // the first may have met the slow one on its way, and both be refused
			if refused = admin.send("PATCH", product, large); refused.status != http.StatusServiceUnavailable {
				return false
			}
		}
		return true
	})
	if refused.problem(http.StatusServiceUnavailable).Detail == "" || refused.header.Get("Retry-After") == "" {
		t.Errorf("it says %s with %v", refused.body, refused.header)
	}
	admin.send("PATCH", product, jsonOf(`{"name":"Chair"}`, 8<<10)).want(http.StatusOK)
	slow.send(strings.Repeat(" ", rest))
	if got := slow.status("PATCH"); got != http.StatusOK {
		t.Errorf("the slow one gets %d", got)
	}
	if p := decode[services.Product](admin.send("PATCH", product, large).want(http.StatusOK)); p.Name != "Chair" {
		t.Errorf("it is %+v", p)
	}
}

func TestLoadConfig_TheBudgetOfBodiesHasRoomForOne(t *testing.T) {
	_, err := load(t, "BODY_LIMIT=2000000", "BODY_BUDGET=1000000")
	if err == nil || !strings.Contains(err.Error(), "BODY_BUDGET: must not be below BODY_LIMIT") {
		t.Errorf("it says %v", err)
	}
}
