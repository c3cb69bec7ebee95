package web

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/services/problem"
)

// views has one page, which writes its name and its data; an error as data makes it
// fail half way.
type views struct{}

func (views) Load() error { return nil }

func (views) Render(out io.Writer, name string, data any, _ ...string) error {
	fmt.Fprintf(out, "%s: ", name)
	if err, ok := data.(error); ok {
		return err
	}
	_, err := fmt.Fprint(out, data)
	return err
}

// ask sends a request to a site whose every address fails with err, and whose error
// page shows what page makes of the problem.
func ask(method, path, accept string, err error, page func(ProblemView) any) *fasthttp.RequestCtx {
	app := fiber.New(fiber.Config{Views: views{}, ErrorHandler: rest.ErrorHandler(slog.New(slog.DiscardHandler), ProblemPage(
		func(next string) string { return "/login?next=" + url.QueryEscape(next) },
		func(c *fiber.Ctx, p ProblemView) error { return Render(c, "problem", page(p)) },
	), rest.ErrorFormat{})})
	app.Use(func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderXRequestID, "7")
		if err == nil {
			return Render(c, "page", errors.New("the template fails"))
		}
		return err
	})
	request := new(fasthttp.RequestCtx)
	request.Request.Header.SetMethod(method)
	request.Request.SetRequestURI(path)
	request.Request.SetHost("shop.example")
	request.Request.Header.Set("Accept", accept)
	request.Request.Header.Set("Referer", "http://shop.example/lamps?room=1")
	app.Handler()(request)
	return request
}

func TestProblemPage_IsForBrowsers(t *testing.T) {
	view := func(p ProblemView) any { return fmt.Sprint(p.Status, " ", p.RequestID, " ", p.From) }
	signIn := &problem.Error{Code: problem.Unauthenticated, Message: "Sign in."}
	none := &problem.Error{Code: problem.NotFound, Message: "None."}
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	for _, c := range []struct {
		method, path, accept string
		err                  error
		status               int
		want                 string // of the body, or the address to go to
	}{
		{"GET", "/lamps/1", browser, none, 404, "problem: 404 7 /lamps?room=1"},
		{"GET", "/lamps/1", "*/*", none, 404, `{"type":"about:blank"`},
		{"GET", "/lamps/1", "application/json", none, 404, `{"type":"about:blank"`},
		{"GET", "/api/lamps/1", browser, none, 404, `{"type":"about:blank"`},
		{"GET", "/lamps/1", browser, nil, 500, "problem: 500 7 /lamps?room=1"}, // of a page that failed half way
		{"GET", "/lamps/1?a=b", browser, signIn, 303, "/login?next=%2Flamps%2F1%3Fa%3Db"},
		{"POST", "/lamps/1", browser, signIn, 401, "problem: 401 7 /lamps?room=1"},
		{"GET", "/api/lamps/1", browser, signIn, 401, `{"type":"about:blank"`},
	} {
		response := &ask(c.method, c.path, c.accept, c.err, view).Response
		got := string(response.Body()) + strings.TrimPrefix(string(response.Header.Peek("Location")), "http://shop.example")
		if response.StatusCode() != c.status || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %s for %s: %d %s, want %d %s", c.method, c.path, c.accept, response.StatusCode(), got, c.status, c.want)
		}
		if hasScheme := len(response.Header.Peek("WWW-Authenticate")) > 0; hasScheme != (c.status == 401) {
			t.Errorf("%s %s: a scheme to sign in: %t", c.method, c.path, hasScheme)
		}
	}
	fails := func(ProblemView) any { return errors.New("the error page fails too") }
	if got := string(ask("GET", "/", browser, nil, fails).Response.Body()); !strings.HasPrefix(got, `{"type"`) {
		t.Errorf("where the error page fails, the answer is %s", got)
	}
}

func TestLocalPath_LeavesTheSiteForNobody(t *testing.T) {
	for next, want := range map[string]string{
		"":                     "/",
		"/":                    "/",
		"/?category=1&after=x": "/?category=1&after=x",
		"/products/1#reviews":  "/products/1",
		"/a b":                 "/a%20b",
		"/ä":                   "/%C3%A4",
		"products":             "/",
		"//evil.example":       "/",
		`/\evil.example`:       "/%5Cevil.example",
		`/\/evil.example`:      "/%5C/evil.example",
		"/\t/evil.example":     "/",
		"/\r\nSet-Cookie: a=b": "/",
		"https://evil.example": "/",
		"javascript:alert(1)":  "/",
		"http:/evil.example":   "/",
		"/%zz":                 "/",
		" //evil.example":      "/",
		"/%2f/evil.example":    "/%2f/evil.example",
		"@evil.example":        "/",
	} {
		if got := LocalPath(next); got != want {
			t.Errorf("%q: %q, want %q", next, got, want)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, next := range []string{"/", "//evil.example", "/\t/evil.example", `/\evil.example`, "/%2f", `/%2fevil.example"`, "/a?b=c#d"} {
		f.Add(next)
	}
	base, _ := url.Parse("https://shop.example/login")
	f.Fuzz(func(t *testing.T, next string) {
		path := LocalPath(next)
		if strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
			t.Errorf("%q: %q has what a browser reads otherwise, or a header cannot hold", next, path)
		}
		target, err := base.Parse(path)
		if err != nil || target.Host != base.Host || target.Scheme != base.Scheme || strings.HasPrefix(path, "//") {
			t.Errorf("%q: %q leads to %v, %v", next, path, target, err)
		}
		if again := LocalPath(path); again != path {
			t.Errorf("%q: %q is %q the second time", next, path, again)
		}
	})
}
