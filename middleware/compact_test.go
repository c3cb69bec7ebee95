package middleware_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware"
)

var shortNames = map[string]string{
	"items": "I", "nextCursor": "a", "id": "i", "name": "n", "priceCents": "p", "category": "c", `od"d`: "o", "é": "e",
}

// compacted is the body and the header of the answer to a request for the compact form.
func compacted(t testing.TB, document string) (body, contentType string) {
	t.Helper()
	app := fiber.New()
	app.Get("/", middleware.Compact(-1, shortNames), func(c *fiber.Ctx) error {
		c.Set("Content-Type", "application/json")
		return c.SendString(document)
	})
	var request fasthttp.RequestCtx
	request.Request.SetRequestURI("/")
	request.Request.Header.Set("Accept", middleware.CompactType)
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
		{`{"i\u0064":1,"\u00e9":2,"é":3}`, `{"i":1,"e":2,"e":3}`},
		{`{"od\"d":1}`, `{"o":1}`},
		{`{"id":1,"id":2}`, `{"i":1,"i":2}`},
	} {
		got, contentType := compacted(t, c.document)
		if got != c.want || contentType != middleware.CompactType {
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

func TestCompact_IsForWhoLikesItNoLessThanPlainJSON(t *testing.T) {
	const compact = middleware.CompactType
	app, _, _ := newApp()
	app.Get("/", middleware.Compact(0, shortNames), func(c *fiber.Ctx) error { return c.JSON(map[string]int{"id": 1}) })
	for _, c := range []struct {
		accepts []string // lines
		compact bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"*/*"}, false},
		{[]string{"application/*"}, false},
		{[]string{"application/json"}, false},
		{[]string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, false},
		{[]string{compact}, true},
		{[]string{strings.ToUpper(compact)}, true},
		{[]string{compact + ", application/json"}, true},
		{[]string{"application/json, " + compact}, true},
		{[]string{compact + ";q=0.5"}, true},
		{[]string{compact + ";q=0"}, false},
		{[]string{compact + ";q=0.5, application/json"}, false},
		{[]string{compact + ";q=0.5, application/json;q=0.4"}, true},
		{[]string{compact + ";q=0.5, */*;q=0.6"}, false},
		{[]string{compact + ";q=0.5, */*;q=0.5"}, true},
		{[]string{compact + ";q=0.5, */*;q=0.6, application/json;q=0.1"}, true},
		{[]string{compact + ";q=0.5, application/*;q=0.4, */*;q=0.9"}, true},
		{[]string{compact + ";q=0.5, text/html"}, true},
		{[]string{"application/json;q=0.5", compact + ";q=0.6"}, true},
		{[]string{"application/json;charset=utf-8;q=0.5, " + compact + ";q=0.4"}, false},
		{[]string{compact + `;v="a,b;q=0", application/json`}, true},
		{[]string{compact + ";q=2"}, false},
		{[]string{compact + ", text/html;q=x"}, false},
		{[]string{compact + "2"}, false},
	} {
		var headers []string
		for _, line := range c.accepts {
			headers = append(headers, "Accept", line)
		}
		response, body := send(t, app, "GET", "/", headers...)
		want, wantType := `{"id":1}`, "application/json"
		if c.compact {
			want, wantType = `{"i":1}`, compact
		}
		if body != want || response.Header.Get("Content-Type") != wantType || response.Header.Get("Vary") != "Accept" {
			t.Errorf("%q: %s, %v", c.accepts, body, response.Header)
		}
	}
}

func TestCompact_TouchesOnlyLargeAnswersOfJSON(t *testing.T) {
	app, _, _ := newApp()
	app.Get("/", compressor().Handle, middleware.Compact(100, shortNames), func(c *fiber.Ctx) error {
		c.Set("Content-Type", c.Query("type", "application/json"))
		c.Set("Vary", "Origin")
		if tag := c.Query("tag"); tag != "" {
			c.Set("ETag", tag)
		}
		if encoding := c.Query("encoded"); encoding != "" {
			c.Set("Content-Encoding", encoding)
		}
		if c.Query("error") != "" {
			return fiber.ErrTeapot
		}
		return c.Status(c.QueryInt("status", 200)).SendString(`{"id":"` + strings.Repeat("x", c.QueryInt("size", 101)-len(`{"id":""}`)) + `"}`)
	})
	for _, c := range []struct {
		target  string
		compact bool
		vary    string
		tag     string
	}{
		{query(), true, "Origin, Accept", ""},
		{query("tag", `"7-abc"`), true, "Origin, Accept", `"7-abc-compact"`},
		{query("tag", `W/"7"`), true, "Origin, Accept", `W/"7-compact"`},
		{query("size", "100", "tag", `"7"`), false, "Origin, Accept", `"7"`},
		{query("size", "2000", "tag", `"7"`), true, "Origin, Accept, Accept-Encoding", `"7-compact-br"`},
		{query("type", "application/json; charset=utf-8"), true, "Origin, Accept", ""},
		{query("type", "application/problem+json"), false, "Origin, Accept", ""},
		{query("type", "text/csv"), false, "Origin, Accept", ""},
		{query("encoded", "gzip"), false, "Origin, Accept", ""},
		{query("status", "201"), false, "Origin", ""},
		{query("status", "404"), false, "Origin", ""},
		{query("error", "1"), false, "", ""},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			response, _ := send(t, app, method, c.target, "Accept", middleware.CompactType, "Accept-Encoding", "br")
			if got := response.Header.Get("Content-Type") == middleware.CompactType; got != c.compact {
				t.Errorf("%s %s: compact is %v", method, c.target, got)
			}
			vary := strings.TrimSuffix(response.Header.Get("Vary"), ", Accept-Encoding")
			if want := strings.TrimSuffix(c.vary, ", Accept-Encoding"); vary != want && c.target != query("error", "1") {
				t.Errorf("%s %s: Vary %q, want %q", method, c.target, vary, want)
			}
			if got := response.Header.Get("ETag"); got != c.tag {
				t.Errorf("%s %s: ETag %q, want %q", method, c.target, got, c.tag)
			}
		}
	}
}

func TestCompact_RefusesNamesThatCannotBeToldApart(t *testing.T) {
	for what, names := range map[string]map[string]string{
		"two become one":            {"id": "i", "items": "i"},
		"a short name is a name":    {"id": "name", "name": "n"},
		"a name stays as it is":     {"id": "id"},
		"a ring":                    {"a": "b", "b": "a"},
		"an empty short name":       {"id": ""},
		"a quote":                   {"id": `"`},
		"a backslash":               {"id": `\`},
		"a line break":              {"id": "\n"},
		"what is not UTF-8":         {"id": "\xff"},
		"what HTML needs escaped":   {"id": "<"},
		"another with what is fine": {"a": "x", "b": "x", "c": "y"},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			middleware.Compact(0, names)
		}()
	}
	middleware.Compact(0, nil)
	middleware.Compact(0, shortNames)
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

func expanding() map[string]string {
	long := make(map[string]string)
	for name, short := range shortNames {
		long[short] = name
	}
	return long
}

func TestCompact_ExpandsToTheOriginal(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"other", "ID", "a:b", "x\"id\":"}
	for name := range shortNames {
		names = append(names, name)
	}
	var document func(depth int) any
	document = func(depth int) any {
		switch kind := random.IntN(6); {
		case kind < 2 && depth > 0:
			object := make(map[string]any)
			for range random.IntN(5) {
				object[names[random.IntN(len(names))]] = document(depth - 1)
			}
			return object
		case kind == 2 && depth > 0:
			return []any{document(depth - 1), document(depth - 1)}
		case kind == 3:
			return nil
		case kind == 4:
			return random.Float64()
		}
		return names[random.IntN(len(names))]
	}
	for range 2000 {
		original := document(5)
		text, err := json.Marshal(original)
		if err != nil {
			t.Fatal(err)
		}
		short, contentType := compacted(t, string(text))
		var got any
		if err := json.Unmarshal([]byte(short), &got); err != nil || contentType != middleware.CompactType {
			t.Fatalf("%s: %s as %s, error %v", text, short, contentType, err)
		}
		if !reflect.DeepEqual(renamed(got, expanding()), original) {
			t.Fatalf("%s has become %s", text, short)
		}
	}
}

func FuzzCompact_RenamesAsADecoderWould(f *testing.F) {
	f.Add([]byte(`{"id":1,"items":[{"name":"id\\\":","category":null}]}`))
	f.Add([]byte(`{"i\u0064" : [true, "\u0022:"], "":{}}`))
	f.Add([]byte(`{"i":1}`))
	f.Add([]byte("{\"\\ud800\":1,\"\xff\":2}"))
	f.Fuzz(func(t *testing.T, document []byte) {
		got, contentType := compacted(t, string(document))
		if contentType != middleware.CompactType {
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

func TestCompact_MakesAPageSmaller(t *testing.T) {
	plain := productPage(100)
	short, _ := compacted(t, plain)
	for _, c := range []struct {
		encoding string
		size     func(text string) int
	}{
		{"as it is", func(text string) int { return len(text) }},
		{"gzip", func(text string) int { return len(fasthttp.AppendGzipBytesLevel(nil, []byte(text), 6)) }},
		{"br", func(text string) int { return len(fasthttp.AppendBrotliBytesLevel(nil, []byte(text), 4)) }},
		{"zstd", func(text string) int { return len(fasthttp.AppendZstdBytesLevel(nil, []byte(text), 2)) }},
	} {
		before, after := c.size(plain), c.size(short)
		t.Logf("%s: %d, compact %d", c.encoding, before, after)
		if after >= before {
			t.Errorf("%s: %d bytes have become %d", c.encoding, before, after)
		}
	}
}

// productPage is a page of n product summaries.
func productPage(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("Oak Steel Linen Copper Walnut Small Large Folding Desk Lamp Chair Shelf Kettle Basket Mirror Clock")
	categories := []string{"Kitchen", "Office", "Garden", "Living room", "Lighting"}
	var items []string
	for i := range n {
		category := random.IntN(len(categories))
		items = append(items, fmt.Sprintf(`{"id":%d,"name":"%s %s %s","priceCents":%d,"category":{"id":%d,"name":"%s"}}`, 50000-i,
			words[random.IntN(len(words))], words[random.IntN(len(words))], words[random.IntN(len(words))],
			500+random.IntN(50000), category+1, categories[category]))
	}
	return `{"items":[` + strings.Join(items, ",") + `],"nextCursor":"MjAyNi0xMS0yM1QxMDowMDowMFosNDk5MDA"}`
}
