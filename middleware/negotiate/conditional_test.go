package negotiate_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/negotiate"
	"example.com/prefab/services/tracing"
)

const visitor, signedIn = "", "session"

// newValidated returns an app whose route / answers as its query asks.
func newValidated() *fiber.App {
	app := fibertest.New()
	app.Use(func(c *fiber.Ctx) error {
		if c.Get("Cookie") == signedIn {
			tracing.From(c.UserContext()).MarkPrivate()
		}
		return c.Next()
	}, negotiate.ConditionalRequests)
	app.All("/", func(c *fiber.Ctx) error {
		for _, name := range []string{"Cache-Control", "ETag", "Expires", "Set-Cookie"} {
			if value := c.Query(name); value != "" {
				c.Set(name, value)
			}
		}
		if c.Query("error") != "" {
			return errors.New("unforeseen")
		}
		c.Set("Content-Language", "en")
		c.Set("Content-Location", "/there")
		c.Set("Vary", "Accept")
		c.Set("X-Kept", "yes")
		c.Status(c.QueryInt("status", 200))
		if c.Query("stream") != "" {
			return c.SendStream(strings.NewReader("a stream"))
		}
		return c.SendString(c.Query("body", "a body"))
	})
	return app
}

// query makes a target of names and values.
func query(pairs ...string) string {
	values := make(url.Values)
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return "/?" + values.Encode()
}

func TestConditionalRequests_TagOnlyWhatAClientMayStore(t *testing.T) {
	app := newValidated()
	for _, c := range []struct {
		method, target string
		tag            string // "+": one of its own
	}{
		{"GET", query(), "+"},
		{"HEAD", query(), "+"},
		{"GET", query("ETag", `"7"`), `"7"`},
		{"GET", query("ETag", `W/"7"`), `W/"7"`},
		{"GET", query("Cache-Control", "max-age=60"), "+"},
		{"GET", query("Cache-Control", "no-store"), ""},
		{"GET", query("Cache-Control", "no-store", "ETag", `"7"`), `"7"`},
		{"GET", query("stream", "1"), ""},
		{"GET", query("status", "404"), ""},
		{"POST", query(), ""},
	} {
		response, _ := fibertest.Send(t, app, c.method, c.target)
		got := response.Header.Get("ETag")
		if c.tag == "+" && len(got) == len(`"0123456789abcdef"`) {
			continue
		}
		if got != c.tag {
			t.Errorf("%s %s: ETag %q, want %q", c.method, c.target, got, c.tag)
		}
	}
	if response, _ := fibertest.Send(t, app, "GET", query(), "Cookie", signedIn); response.Header.Get("ETag") != "" {
		t.Error("what nobody may store has an ETag")
	}
}

func TestConditionalRequests_AnswerIfNoneMatchByTheWeakComparison(t *testing.T) {
	app := newValidated()
	for _, c := range []struct {
		etag  string
		asked []string // lines
		held  bool
	}{
		{`"a"`, []string{`"a"`}, true},
		{`"a"`, []string{`W/"a"`}, true},
		{`W/"a"`, []string{`"a"`}, true},
		{`"a"`, []string{`"b"`}, false},
		{`"a"`, []string{`*`}, true},
		{`"a"`, []string{`"b" , W/"a" ,"c"`}, true},
		{`"a"`, []string{`,, "a",`}, true},
		{`"a"`, []string{`"b"`, `"a"`}, true},
		{`"a,b"`, []string{`"x", "a,b"`}, true},
		{`"b"`, []string{`"a,"b","c"`}, false}, // no list
		{`"a\"`, []string{`"a\"`}, true},       // no escape
		{`"a"`, []string{`a`}, false},
		{`"a"`, []string{`"a" "b"`}, false},
		{`"a"`, []string{`"*"`}, false},
		{`"a"`, []string{``}, false},
	} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			var headers []string
			for _, line := range c.asked {
				headers = append(headers, "If-None-Match", line)
			}
			want := map[bool]int{true: 304, false: 200}[c.held && method != "POST"]
			if response, _ := fibertest.Send(t, app, method, query("ETag", c.etag), headers...); response.StatusCode != want {
				t.Errorf("%s of %s, If-None-Match %s: status %d, want %d", method, c.etag, c.asked, response.StatusCode, want)
			}
		}
	}
}

func TestConditionalRequests_AnswerOnlyAWholeAnswerBy304(t *testing.T) {
	app := newValidated()
	for target, want := range map[string]int{
		query("status", "404", "ETag", `"x"`): 404,
		query("status", "206", "ETag", `"x"`): 206,
		query("error", "1", "ETag", `"x"`):    500,
		query("stream", "1", "ETag", `"x"`):   304,
		query("stream", "1"):                  304,
	} {
		if response, _ := fibertest.Send(t, app, "GET", target, "If-None-Match", "*"); response.StatusCode != want {
			t.Errorf("%s: status %d, want %d", target, response.StatusCode, want)
		}
	}
}

func TestConditionalRequests_A304TellsNothingOfTheBody(t *testing.T) {
	app := newValidated()
	for _, target := range []string{query("ETag", `"7"`), query("ETag", `"7"`, "stream", "1")} {
		for _, method := range []string{"GET", "HEAD"} {
			response, body := fibertest.Send(t, app, method, target, "If-None-Match", `"7"`)
			if response.StatusCode != 304 || body != "" || len(response.TransferEncoding) > 0 {
				t.Errorf("%s %s: status %d, %q, %q", method, target, response.StatusCode, body, response.TransferEncoding)
			}
			for name, want := range map[string]string{
				"ETag": `"7"`, "Cache-Control": "no-cache", "Vary": "Accept", "Content-Location": "/there", "X-Kept": "yes",
				"Content-Type": "", "Content-Length": "", "Content-Encoding": "", "Content-Language": "",
			} {
				if got := response.Header.Get(name); got != want {
					t.Errorf("%s %s: %s is %q, want %q", method, target, name, got, want)
				}
			}
			if response.Header.Get("Date") == "" {
				t.Errorf("%s %s: no Date", method, target)
			}
		}
	}
}

func TestConditionalRequests_NeverWeakenCacheControl(t *testing.T) {
	app := newValidated()
	for _, c := range []struct{ method, target, cookie, want string }{
		{"GET", query(), visitor, "no-cache"},
		{"HEAD", query(), visitor, "no-cache"},
		{"GET", query("status", "201"), visitor, "no-cache"},
		{"GET", query("status", "404"), visitor, ""},
		{"POST", query(), visitor, ""},
		{"GET", query("Expires", "Mon, 23 Nov 2026 10:00:00 GMT"), visitor, ""},
		{"GET", query("Cache-Control", "max-age=60"), visitor, "max-age=60"},
		{"GET", query("error", "1"), visitor, "no-store"}, // the error handler's
		{"GET", query(), signedIn, "private, no-store"},
		{"POST", query(), signedIn, "private, no-store"},
		{"GET", query("status", "404"), signedIn, "private, no-store"},
		{"GET", query("error", "1"), signedIn, "no-store"},
		{"GET", query("Cache-Control", "max-age=60"), signedIn, "private, max-age=60"},
		{"GET", query("Cache-Control", `private="x", max-age=60`), signedIn, `private, private="x", max-age=60`},
		{"GET", query("Cache-Control", `x="private, public"`), signedIn, `private, x="private, public"`},
		{"GET", query("Cache-Control", "Private, max-age=60"), signedIn, "Private, max-age=60"},
		{"GET", query("Cache-Control", "no-store"), signedIn, "no-store"},
		{"GET", query("Cache-Control", "public, max-age=60"), signedIn, "public, max-age=60"},
		{"GET", query("Set-Cookie", "a=b"), visitor, "private, no-store"},
		{"GET", query("Set-Cookie", "a=b", "Cache-Control", "max-age=60"), visitor, "private, max-age=60"},
	} {
		response, _ := fibertest.Send(t, app, c.method, c.target, "Cookie", c.cookie)
		if got := strings.Join(response.Header.Values("Cache-Control"), "|"); got != c.want {
			t.Errorf("%s %s %s: %q, want %q", c.method, c.target, c.cookie, got, c.want)
		}
	}
	response, _ := fibertest.Send(t, app, "GET", query(), "Authorization", "Bearer x")
	if got := response.Header.Get("Cache-Control"); got != "private, no-store" {
		t.Errorf("with Authorization: %q", got)
	}
}

func TestConditionalRequests_WithoutATraceEveryAnswerIsPrivate(t *testing.T) {
	app := fiber.New()
	app.Use(negotiate.ConditionalRequests)
	app.Get("/", fibertest.OK)
	response, _ := fibertest.Send(t, app, "GET", "/")
	if got := response.Header.Get("Cache-Control"); got != "private, no-store" {
		t.Errorf("Cache-Control %q", got)
	}
}
