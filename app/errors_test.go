package app_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/app"
	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
	"example.com/prefab/services/health"
	"example.com/prefab/services/problem"
)

// What every error promises, such as its content type and X-Request-Id, the
// client checks of each one it gets; see checkProblem.

func TestErrors_NoSuchAddress(t *testing.T) {
	s := start(t)
	path := s.product()
	for _, path := range []string{
		"/nowhere", "/api", "/api/v1", "/api/v2/products", "/api/v1/", "/health/", "/healthz",
		"/api/v1/products/", "/api/v1//products", "//api/v1/products", "/API/v1/products", "/api/v1/Products",
		"/api/v1/%50roducts", "/api/v1/./products", "/api/v1/x/../products", "/api/v1/products/1/", path + "/stock/", path + "/none",
	} {
		s.visitor().get(path).problem(http.StatusNotFound)
	}
}

// A page that asks for a sign-in leads there; no status but 401 names a challenge.
func TestErrors_OnlyA401NamesAChallenge(t *testing.T) {
	s := start(t)
	edit := s.productPage() + "/edit"
	for accept, want := range map[string]int{"text/html": http.StatusSeeOther, "*/*": http.StatusUnauthorized} {
		got := s.visitor().get(edit, "Accept", accept).want(want)
		if named := got.header.Get("WWW-Authenticate") != ""; named != (want == http.StatusUnauthorized) {
			t.Errorf("%d with %v", want, got.header)
		}
	}
}

// Every route takes the methods that it lists, HEAD where it lists GET, and no other;
// Allow names them.
func TestErrors_MethodNotAllowedNamesThoseThatAre(t *testing.T) {
	s := start(t)
	methods := make(map[string][]string)
	for _, r := range app.Routes() {
		methods[r.Path] = append(methods[r.Path], r.Method)
	}
	for _, path := range []string{productsPath + "/:id", productsPath + "/count", productsPath + "/export"} {
		want := "GET, HEAD"
		if strings.HasSuffix(path, ":id") {
			want = "GET, HEAD, DELETE, PATCH"
		}
		if got := strings.Join(methods[path], ", "); got != want {
			t.Errorf("%s is a route of %q", path, got)
		}
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
	s := start(t, "BODY_LIMIT=2048", "HEADER_LIMIT=2048", "READ_TIMEOUT=200ms")
	const head = "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	long := "GET / HTTP/1.1\r\nHost: x\r\nX-Long: "
	for name, test := range map[string]struct {
		text string
		want int
	}{
		"a method nobody knows":    {"BREW /api/v1/products HTTP/1.1\r\nHost: x\r\n\r\n", 501},
		"a method in lower case":   {"get /api/v1/products HTTP/1.1\r\nHost: x\r\n\r\n", 501},
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

func TestErrors_AFaultOfOursIsLoggedAndNotTold(t *testing.T) {
	s := start(t)
	s.faultsMeant = true
	admin, path := s.admin(), s.product()
	s.exec("ALTER TABLE products RENAME TO hidden")
	body := `{"name":"Lamp","priceCents":1,"categoryId":1}`
	for _, got := range []answer{
		admin.get(productsPath), admin.get(productsPath + "?ids=1"), admin.get(productsPath + "/count"), admin.get(path),
		admin.send("POST", productsPath, body), admin.send("PATCH", path, body), admin.send("DELETE", path, ""),
		admin.send("PUT", path+"/stock", `{"quantity":1}`), admin.send("POST", path+"/reviews", `{"rating":5,"body":"Good."}`),
	} {
		if problem := got.problem(http.StatusInternalServerError); problem.Detail != "Something went wrong." {
			t.Errorf("%s: tells %q", got.asked, problem.Detail)
		}
		cause := ""
		for _, line := range s.log.lines(t) {
			if line["request_id"] == got.header.Get("X-Request-Id") && line["level"] == "ERROR" && line["route"] != nil {
				cause = fmt.Sprint(line["error"])
			}
		}
		if !strings.Contains(cause, `relation "products" does not exist`) {
			t.Errorf("%s: the log's cause is %q", got.asked, cause)
		}
	}
	s.exec("ALTER TABLE hidden RENAME TO products")
	admin.get(path).want(http.StatusOK)
}

// Handlers that go wrong in ways that ours do not, in the real surroundings.
func TestErrors_OfAHandlerThatPanicsOrReturnsAnything(t *testing.T) {
	cfg, err := load(t, "LOG_FORMAT=json")
	if err != nil {
		t.Fatal(err)
	}
	log := new(logged)
	client := openRedis(t, redisOf(t))
	life := health.New()
	life.Enter(health.Ready)
	values := cache.New(cache.Options{Client: client, MaxItems: 1, MaxBytes: 1})
	server := app.Wire(cfg, openDB(t, devtest.Database(t)), client, values, life, app.NewLogger(cfg, log))
	const secret = "a secret of the inside"
	server.Get("/test/panic", func(*fiber.Ctx) error { panic(secret) })
	server.Get("/test/nil", func(c *fiber.Ctx) error { var p *services.Product; return c.SendString(p.Name) })
	server.Get("/test/error", func(*fiber.Ctx) error { return errors.New(secret) })
	server.Get("/test/internal", func(*fiber.Ctx) error { return &problem.Error{Message: secret} })
	server.Get("/test/fiber", func(*fiber.Ctx) error { return fiber.NewError(fiber.StatusInternalServerError, secret) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Listener(listener) }()
	s := &service{t: t, url: "http://" + listener.Addr().String(), log: log}

	for _, path := range []string{"/test/panic", "/test/nil", "/test/error", "/test/internal", "/test/fiber"} {
		response, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		got := read(s, path, response)
		want := rest.Problem{
			Type: "about:blank", Title: "Internal Server Error", Status: 500, Detail: "Something went wrong.", Instance: path,
		}
		if problem := got.problem(500); fmt.Sprint(problem) != fmt.Sprint(want) {
			t.Errorf("%s: got %+v, want %+v", path, problem, want)
		}
		if line := log.access(t, got.header.Get("X-Request-Id")); line["status"] != 500.0 {
			t.Errorf("%s: the access log says %v", path, line)
		}
	}
	if text := log.String(); !strings.Contains(text, secret) || !strings.Contains(text, "errors_test.go") {
		t.Errorf("the log tells neither what went wrong nor where:\n%s", text)
	}
	if err := server.Shutdown(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestAccessLog_TellsTheRouteAndNotThePerson(t *testing.T) {
	s := start(t, "LOG_LEVEL=debug", "TRUSTED_PROXIES=127.0.0.1")
	path := s.product()
	got := s.visitor().get(path+"?token=sesame", "X-Forwarded-For", "203.0.113.77", "X-Request-Id", "chosen-by-the-client")
	line := s.log.access(t, got.want(http.StatusUnprocessableEntity).header.Get("X-Request-Id"))
	if line["route"] != "GET /api/v1/products/:id" || line["status"] != 422.0 || line["bytes"] != float64(len(got.body)) {
		t.Errorf("got %v", line)
	}
	if line["level"] != "INFO" {
		t.Errorf("the level is %v", line["level"])
	}
	for _, private := range []string{path, "sesame", "203.0.113.77", "127.0.0.1", "chosen-by-the-client"} {
		for _, line := range s.log.lines(t) {
			if line["request_id"] != nil && strings.Contains(fmt.Sprint(line), private) {
				t.Errorf("the log tells %q: %v", private, line)
			}
		}
	}
}
