package compact_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/compact"
	"example.com/prefab/middleware/fibertest"
)

var shortNames = map[string]string{
	"items": "I", "nextCursor": "a", "id": "i", "name": "n", "priceCents": "p", "category": "c", "é": "e",
}

// compacted is the body and the header of the answer to a request for the compact form.
func compacted(t testing.TB, document string) (body, contentType string) {
	t.Helper()
	app := fiber.New()
	app.Get("/", compact.New(-1, shortNames), func(c *fiber.Ctx) error {
		c.Set("Content-Type", "application/json")
		return c.SendString(document)
	})
	var request fasthttp.RequestCtx
	request.Request.SetRequestURI("/")
	request.Request.Header.Set("Accept", compact.Type)
	app.Handler()(&request)
	return string(request.Response.Body()), string(request.Response.Header.ContentType())
}

func TestCompact_ShortensMemberNamesAndNothingElse(t *testing.T) {
	for _, c := range []struct{ document, want string }{
		{`{"id":1,"name":"n"}`, `{"i":1,"n":"n"}`},
		{`{}`, `{}`},
		{`["id","name"]`, `["id","name"]`},
		{`"id"`, `"id"`},
		{`{"id":"id"}`, `{"i":"id"}`},
		{`{"id":"\"id\":"}`, `{"i":"\"id\":"}`},
		{`{"name":"\\","id":2}`, `{"n":"\\","i":2}`},
		{`{"x":"{\"id\":1}","id":1}`, `{"x":"{\"id\":1}","i":1}`},
		{` { "id" : 1 ,` + "\n\t" + `"category" : { "id"` + "\r\n" + `: 2 } } `, ` { "i" : 1 ,` + "\n\t" + `"c" : { "i"` + "\r\n" + `: 2 } } `},
		{`{"items":[{"id":1},[{"id":2}],"id"],"nextCursor":"id"}`, `{"I":[{"i":1},[{"i":2}],"id"],"a":"id"}`},
		{`{"ID":1,"ids":2,"":3,"other":4}`, `{"ID":1,"ids":2,"":3,"other":4}`},
		{`{"id":1,"id":2}`, `{"i":1,"i":2}`},
	} {
		got, contentType := compacted(t, c.document)
		if got != c.want || contentType != compact.Type {
			t.Errorf("%s: %s as %s, want %s", c.document, got, contentType, c.want)
		}
	}
}

func TestCompact_LeavesPlainWhatCouldNotBeExpanded(t *testing.T) {
	for _, document := range []string{
		`{"id":1`, `{"id":1}}`, `{id:1}`, `{"id":1,}`, `"id`, `id`, ``, `{"id":"` + "\n" + `"}`, `{"id":1}"`, `{"\`, `{"id\`,
		`{"id":1,"i":2}`, `[{"n":1}]`, `{"\u0069":1}`, // short names of its own
	} {
		if got, contentType := compacted(t, document); got != document || contentType != "application/json" {
			t.Errorf("%s: %s as %s", document, got, contentType)
		}
	}
}

func TestCompact_GoesByTheWeightsOfAccept(t *testing.T) {
	const accept = compact.Type
	app := fibertest.New()
	app.Get("/", compact.New(0, shortNames), func(c *fiber.Ctx) error { return c.JSON(map[string]int{"id": 1}) })
	for _, c := range []struct {
		accepts []string // lines
		compact bool
	}{
		{nil, false},
		{[]string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, false},
		{[]string{"application/json"}, false},
		{[]string{accept}, true},
		{[]string{strings.ToUpper(accept)}, true},
		{[]string{accept + ", application/json, */*"}, true},
		{[]string{accept + ";q=0.5"}, true},
		{[]string{accept + ";q=0"}, false},
		{[]string{accept + ";q=0.5, application/json"}, false},
		{[]string{"application/json;q=0.5", accept + ";q=0.6"}, true},
		{[]string{"application/json;charset=utf-8;q=0.5, " + accept + ";q=0.4"}, false},
		{[]string{accept + `;v="a,b;q=0", application/json`}, true},
		{[]string{accept + ";q=2"}, false},
		{[]string{accept + "2"}, false},
	} {
		var headers []string
		for _, line := range c.accepts {
			headers = append(headers, "Accept", line)
		}
		response, body := fibertest.Send(t, app, "GET", "/", headers...)
		want, wantType := `{"id":1}`, "application/json"
		if c.compact {
			want, wantType = `{"i":1}`, accept
		}
		if body != want || response.Header.Get("Content-Type") != wantType || response.Header.Get("Vary") != "Accept" {
			t.Errorf("%q: %s, %v", c.accepts, body, response.Header)
		}
	}
}

func TestCompact_ShortensOnlyLargeAnswersOfJSON(t *testing.T) {
	app := fibertest.New()
	app.Get("/", compact.New(100, shortNames), func(c *fiber.Ctx) error {
		c.Set("Content-Type", c.Query("type", "application/json"))
		c.Set("Vary", "Origin")
		c.Set("ETag", `"7-abc"`)
		if encoding := c.Query("encoded"); encoding != "" {
			c.Set("Content-Encoding", encoding)
		}
		if c.Query("error") != "" {
			return fiber.ErrTeapot
		}
		return c.Status(c.QueryInt("status", 200)).SendString(`{"id":"` + strings.Repeat("x", c.QueryInt("size", 101)-len(`{"id":""}`)) + `"}`)
	})
	for query, want := range map[string]struct {
		compact bool
		vary    string
	}{
		"":                                       {true, "Origin, Accept"},
		"size=100":                               {false, "Origin, Accept"},
		"type=application/json;%20charset=utf-8": {true, "Origin, Accept"},
		"type=application/problem%2Bjson":        {false, "Origin, Accept"},
		"type=text/csv":                          {false, "Origin, Accept"},
		"encoded=gzip":                           {false, "Origin, Accept"},
		"status=201":                             {false, "Origin"},
		"error=1":                                {false, "Origin"},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			response, _ := fibertest.Send(t, app, method, "/?"+query, "Accept", compact.Type)
			if got := response.Header.Get("Content-Type") == compact.Type; got != want.compact {
				t.Errorf("%s %s: compact is %v", method, query, got)
			}
			if vary := response.Header.Get("Vary"); vary != want.vary {
				t.Errorf("%s %s: Vary %q, want %q", method, query, vary, want.vary)
			}
			if got, tag := response.Header.Get("ETag"), map[bool]string{true: `"7-abc-compact"`, false: `"7-abc"`}[want.compact]; got != tag {
				t.Errorf("%s %s: ETag %q, want %q", method, query, got, tag)
			}
		}
	}
}

func TestNew_RefusesOneShortNameForTwo(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	compact.New(0, map[string]string{"id": "i", "items": "i"})
}

// renamed is the decoded document with the names changed, the slow way.
func renamed(document any, names map[string]string) any {
	switch document := document.(type) {
	case map[string]any:
		result := make(map[string]any)
		for name, value := range document {
			if other, known := names[name]; known {
				name = other
			}
			result[name] = renamed(value, names)
		}
		return result
	case []any:
		for i := range document {
			document[i] = renamed(document[i], names)
		}
	}
	return document
}

func FuzzCompact_RenamesAsADecoderWould(f *testing.F) {
	f.Add([]byte(`{"id":1,"items":[{"name":"id\\\":","category":null}]}`))
	f.Add([]byte(`{"i\u0064" : [true, "\u0022:"], "":{}}`))
	f.Add([]byte(`{"i":1}`))
	f.Add([]byte("{\"\\ud800\":1,\"\xff\":2}"))
	f.Fuzz(func(t *testing.T, document []byte) {
		got, contentType := compacted(t, string(document))
		if contentType != compact.Type {
			if got != string(document) {
				t.Errorf("%q has become %q", document, got)
			}
			return
		}
		var original, short any
		decode := func(text []byte, to *any) {
			decoder := json.NewDecoder(bytes.NewReader(text))
			decoder.UseNumber()
			if err := decoder.Decode(to); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
		decode(document, &original)
		decode([]byte(got), &short)
		if !reflect.DeepEqual(renamed(original, shortNames), short) {
			t.Errorf("%q has become %q", document, got)
		}
	})
}
