package middleware_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware"
)

const visitor, signedIn = "", "session=ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// newValidated returns an app whose route / answers as its query asks.
func newValidated() *fiber.App {
	sessions := middleware.NewSessions(middleware.SessionConfig{}, nil)
	app, _, _ := newApp()
	app.Use(sessions.Recognize, middleware.Validators)
	app.All("/", func(c *fiber.Ctx) error {
		for _, name := range []string{"Cache-Control", "ETag", "Last-Modified", "Expires", "Set-Cookie"} {
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
	escape := strings.NewReplacer(" ", "%20", `"`, "%22", ",", "%2C", "=", "%3D", "/", "%2F", "#", "%23", "&", "%26", "+", "%2B", ";", "%3B")
	target := "/?"
	for i := 0; i < len(pairs); i += 2 {
		target += pairs[i] + "=" + escape.Replace(pairs[i+1]) + "&"
	}
	return target
}

func TestValidators_TagTheBytesThatAreSent(t *testing.T) {
	app, _, _ := newApp()
	app.Use(middleware.Validators, compressor().Handle)
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString(strings.Repeat("x", 2000)) })
	seen := make(map[string]bool)
	for _, encoding := range []string{"", "gzip", "br", "zstd"} {
		response, body := send(t, app, "GET", "/", "Accept-Encoding", encoding)
		sum := sha256.Sum256([]byte(body))
		tag := response.Header.Get("ETag")
		if want := `"` + hex.EncodeToString(sum[:8]) + `"`; tag != want || seen[tag] {
			t.Errorf("%s: ETag %s, want %s", encoding, tag, want)
		}
		seen[tag] = true
		head, _ := send(t, app, "HEAD", "/", "Accept-Encoding", encoding)
		if head.Header.Get("ETag") != tag || head.ContentLength != int64(len(body)) {
			t.Errorf("%s: HEAD says %s, %d bytes", encoding, head.Header.Get("ETag"), head.ContentLength)
		}
		again, body := send(t, app, "GET", "/", "Accept-Encoding", encoding, "If-None-Match", tag)
		if again.StatusCode != 304 || body != "" || again.Header.Get("ETag") != tag ||
			again.Header.Get("Content-Encoding") != "" || again.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: then status %d, %q, %v", encoding, again.StatusCode, body, again.Header)
		}
	}
}

func TestValidators_TagOnlyWhatAClientMayKeep(t *testing.T) {
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
		{"GET", query("status", "201"), ""},
		{"POST", query(), ""},
	} {
		response, _ := send(t, app, c.method, c.target)
		got := response.Header.Get("ETag")
		if c.tag == "+" && len(got) == len(`"0123456789abcdef"`) {
			continue
		}
		if got != c.tag {
			t.Errorf("%s %s: ETag %q, want %q", c.method, c.target, got, c.tag)
		}
	}
	if response, _ := send(t, app, "GET", query(), "Cookie", signedIn); response.Header.Get("ETag") != "" {
		t.Error("what nobody may store has an ETag")
	}
}

func TestValidators_AnswerIfNoneMatchByTheWeakComparison(t *testing.T) {
	app := newValidated()
	for _, c := range []struct {
		etag  string
		asked []string // lines
		held  bool
	}{
		{`"a"`, []string{`"a"`}, true},
		{`"a"`, []string{`W/"a"`}, true},
		{`W/"a"`, []string{`"a"`}, true},
		{`W/"a"`, []string{`W/"a"`}, true},
		{`"a"`, []string{`"b"`}, false},
		{`"a"`, []string{`"A"`}, false},
		{`"a"`, []string{`w/"a"`}, false},
		{`"a"`, []string{`*`}, true},
		{`"a"`, []string{` * `}, true},
		{`"a"`, []string{`"b", "a"`}, true},
		{`"a"`, []string{`"b","a"`}, true},
		{`"a"`, []string{`"b" , W/"a" ,"c"`}, true},
		{`"a"`, []string{`,, "a",`}, true},
		{`"a"`, []string{`"b"`, `"a"`}, true},
		{`"a"`, []string{`"b"`, `"c"`}, false},
		{`"a,b"`, []string{`"a,b"`}, true},
		{`"a,b"`, []string{`"x", "a,b"`}, true},
		{`"b"`, []string{`"a,"b","c"`}, false}, // no list
		{`"b"`, []string{`"a, \"b\", c"`}, false},
		{`"a\"`, []string{`"a\"`}, true}, // no escape
		{`"a"`, []string{`a`}, false},
		{`"a"`, []string{`"a`}, false},
		{`"a"`, []string{`"a" "b"`}, false},
		{`"a"`, []string{`"*"`}, false},
		{`"a"`, []string{`"b", *`}, false},
		{`""`, []string{`""`}, true},
		{`"a"`, []string{`""`}, false},
		{`"a"`, []string{``}, false},
		{`"a"`, []string{`W/`}, false},
		{`"a"`, []string{`"`}, false},
	} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			var headers []string
			for _, line := range c.asked {
				headers = append(headers, "If-None-Match", line)
			}
			want := map[bool]int{true: 304, false: 200}[c.held && method != "POST"]
			if response, _ := send(t, app, method, query("ETag", c.etag), headers...); response.StatusCode != want {
				t.Errorf("%s of %s, If-None-Match %s: status %d, want %d", method, c.etag, c.asked, response.StatusCode, want)
			}
		}
	}
}

func TestValidators_KeepThePrecedenceOfConditions(t *testing.T) {
	const before, then, after = "Sun, 22 Nov 2026 10:00:00 GMT", "Mon, 23 Nov 2026 10:00:00 GMT", "Tue, 24 Nov 2026 10:00:00 GMT"
	app := newValidated()
	for _, c := range []struct {
		target  string
		headers []string
		want    int
	}{
		{query("Last-Modified", then), []string{"If-Modified-Since", then}, 304},
		{query("Last-Modified", then), []string{"If-Modified-Since", after}, 304},
		{query("Last-Modified", then), []string{"If-Modified-Since", before}, 200},
		{query("Last-Modified", then), []string{"If-Modified-Since", "Monday, 23-Nov-26 10:00:00 GMT"}, 304},
		{query("Last-Modified", then), []string{"If-Modified-Since", "Mon Nov 23 10:00:00 2026"}, 304},
		{query("Last-Modified", then), []string{"If-Modified-Since", "yesterday"}, 200},
		{query("Last-Modified", then), []string{"If-Modified-Since", "Tue, 24  Nov  2026 10:00:00 GMT"}, 200},
		{query("Last-Modified", then), []string{"If-Modified-Since", "Tue, 24 Nov 2026 9:00:00 GMT"}, 200},
		{query("Last-Modified", "Mon, 23  Nov 2026 10:00:00 GMT"), []string{"If-Modified-Since", after}, 200},
		{query("Last-Modified", then), []string{"If-Modified-Since", after, "If-Modified-Since", after}, 200},
		{query("Last-Modified", "yesterday"), []string{"If-Modified-Since", after}, 200},
		{query(), []string{"If-Modified-Since", after}, 200},
		{query("Last-Modified", then), []string{"If-Modified-Since", after, "If-None-Match", `"x"`}, 200},
		{query("Last-Modified", then, "ETag", `"x"`), []string{"If-Modified-Since", before, "If-None-Match", `"x"`}, 304},
		{query("status", "404", "ETag", `"x"`), []string{"If-None-Match", `"x"`}, 404},
		{query("status", "206", "ETag", `"x"`), []string{"If-None-Match", `"x"`}, 206},
		{query("status", "404", "Last-Modified", then), []string{"If-Modified-Since", after}, 404},
		{query("error", "1", "ETag", `"x"`), []string{"If-None-Match", "*"}, 500},
		{query("stream", "1", "ETag", `"x"`), []string{"If-None-Match", `"x"`}, 304},
		{query("stream", "1"), []string{"If-None-Match", "*"}, 304},
	} {
		if response, _ := send(t, app, "GET", c.target, c.headers...); response.StatusCode != c.want {
			t.Errorf("%s, %q: status %d, want %d", c.target, c.headers, response.StatusCode, c.want)
		}
	}
}

func TestValidators_A304TellsNothingOfTheBody(t *testing.T) {
	app := newValidated()
	for _, target := range []string{query("ETag", `"7"`), query("ETag", `"7"`, "stream", "1")} {
		for _, method := range []string{"GET", "HEAD"} {
			response, body := send(t, app, method, target, "If-None-Match", `"7"`)
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
	// The connection goes on: nothing of the body was left on it.
	address := serve(t, app)
	for range 2 {
		response, err := ask(t, address, "GET", query("stream", "1", "ETag", `"7"`), "gzip\r\nIf-None-Match: \"7\"")
		if err != nil || response.StatusCode != 304 || response.ContentLength > 0 {
			t.Errorf("status %v, error %v", response, err)
		}
	}
}

func TestValidators_NeverWeakenCacheControl(t *testing.T) {
	app := newValidated()
	for _, c := range []struct{ method, target, cookie, want string }{
		{"GET", query(), visitor, "no-cache"},
		{"HEAD", query(), visitor, "no-cache"},
		{"GET", query("status", "201"), visitor, "no-cache"},
		{"GET", query("status", "304"), visitor, "no-cache"},
		{"GET", query("status", "404"), visitor, ""},
		{"GET", query("status", "302"), visitor, ""},
		{"POST", query(), visitor, ""},
		{"GET", query("Expires", "Mon, 23 Nov 2026 10:00:00 GMT"), visitor, ""},
		{"GET", query("Cache-Control", "max-age=60"), visitor, "max-age=60"},
		{"GET", query("Cache-Control", "public, max-age=60"), visitor, "public, max-age=60"},
		{"GET", query("error", "1"), visitor, "no-store"}, // the error handler's
		{"GET", query(), signedIn, "private, no-store"},
		{"HEAD", query(), signedIn, "private, no-store"},
		{"POST", query(), signedIn, "private, no-store"},
		{"DELETE", query("status", "204"), signedIn, "private, no-store"},
		{"GET", query("status", "404"), signedIn, "private, no-store"},
		{"GET", query("Expires", "Mon, 23 Nov 2026 10:00:00 GMT"), signedIn, "private, no-store"},
		{"GET", query("error", "1"), signedIn, "no-store"},
		{"GET", query("Cache-Control", "max-age=60"), signedIn, "private, max-age=60"},
		{"GET", query("Cache-Control", "no-cache"), signedIn, "private, no-cache"},
		{"GET", query("Cache-Control", "s-maxage=60"), signedIn, "private, s-maxage=60"},
		{"GET", query("Cache-Control", `private="x", max-age=60`), signedIn, `private, private="x", max-age=60`},
		{"GET", query("Cache-Control", `x="private, public"`), signedIn, `private, x="private, public"`},
		{"GET", query("Cache-Control", "Private, max-age=60"), signedIn, "Private, max-age=60"},
		{"GET", query("Cache-Control", "no-store"), signedIn, "no-store"},
		{"GET", query("Cache-Control", "public, max-age=60"), signedIn, "public, max-age=60"},
		{"GET", query("Set-Cookie", "a=b"), visitor, "private, no-store"},
		{"POST", query("Set-Cookie", "a=b"), visitor, "private, no-store"},
		{"GET", query("Set-Cookie", "a=b", "Cache-Control", "max-age=60"), visitor, "private, max-age=60"},
	} {
		response, _ := send(t, app, c.method, c.target, "Cookie", c.cookie)
		if got := strings.Join(response.Header.Values("Cache-Control"), "|"); got != c.want {
			t.Errorf("%s %s %s: %q, want %q", c.method, c.target, c.cookie, got, c.want)
		}
	}
	response, _ := send(t, app, "GET", query(), "Authorization", "Bearer x")
	if got := response.Header.Get("Cache-Control"); got != "private, no-store" {
		t.Errorf("with Authorization: %q", got)
	}
}

// A body that never ends, of which nobody reads.
type endless struct{ t *testing.T }

func (e endless) Read([]byte) (int, error) {
	e.t.Error("the stream was read")
	return 0, errors.New("read")
}

func TestValidators_DoNotReadAStream(t *testing.T) {
	app, _, _ := newApp()
	app.Use(func(c *fiber.Ctx) error {
		err := c.Next()
		if !c.Response().IsBodyStream() {
			t.Error("the stream is gone")
		}
		c.Response().ResetBody()
		return err
	}, middleware.Validators, compressor().Handle, middleware.Compact(0, map[string]string{"id": "i"}))
	app.Get("/", func(c *fiber.Ctx) error {
		c.Set("Content-Type", "application/json")
		return c.SendStream(endless{t})
	})
	send(t, app, "GET", "/", "Accept-Encoding", "gzip", "Accept", middleware.CompactType)
}

func TestValidators_TakeOnlyHTTPDates(t *testing.T) {
	app, _, _ := newApp()
	app.Use(middleware.Validators)
	app.Get("/", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderLastModified, "Mon, 01 Aug 2050 00:00:00 GMT")
		return c.SendString("ok")
	})
	for since, held := range map[string]bool{
		"Thu, 18 Aug 2050 02:01:18 GMT":     true,
		"THU, 18 AUG 2050 02:01:18 gmt":     true, // section 4.2
		"Thursday, 18-Aug-50 02:01:18 GMT":  true,
		"Thu Aug 18 02:01:18 2050":          true,
		"Mon Aug  8 02:01:18 2050":          true,
		"Thu, 18  Aug  2050 02:01:18 GMT":   false,
		"Thu,  18 Aug 2050 02:01:18 GMT":    false,
		"Thu, 18 Aug 2050 2:01:18 GMT":      false,
		"Thu, 18 Aug 2050 02:01:18.5 GMT":   false,
		"Thu, 18 Aug 2050 02:01:60 GMT":     false,
		"Thu, 18 Aug 2050 24:00:00 GMT":     false,
		"Thu, 31 Jun 2050 02:01:18 GMT":     false,
		"Thu, 18 Aug 2050 02:01:18 CET":     false,
		"Thu, 18 Aug 2050 02:01:18 +0000":   false,
		"Thu, 18 Aug 2050 02:01:18":         false,
		"Thu, 18 Aug 50 02:01:18 GMT":       false,
		"Thu, 18-Aug-2050 02:01:18 GMT":     false,
		"Thursday, 18-Aug-50 02:01:18 CET":  false,
		"Thursday, 18-Aug-50  02:01:18 GMT": false,
		"Thu Aug 8 02:01:18 2050":           false,
		"Thu Aug 18 2:01:18 2050":           false,
		"2050-08-18T02:01:18Z":              false,
		"2544832878":                        false,
		"-1":                                false,
		"":                                  false,
	} {
		response, _ := send(t, app, "GET", "/", fiber.HeaderIfModifiedSince, since)
		if got := response.StatusCode == fiber.StatusNotModified; got != held {
			t.Errorf("%q: status %d", since, response.StatusCode)
		}
	}
}
