package handlers

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
)

// bodies are seeds: good ones, and one for each way to be wrong.
var bodies = []string{
	`{"name":"Lamp","description":"","priceCents":1,"categoryId":2}`, `{"rating":5,"body":"good"}`, ` {} `,
	``, `{`, `}`, `[]`, `1`, `"a"`, `null`, ` null `, `true`, `{}{}`, `{} x`, `{"name":1}`, `{"name":null}`,
	`{"priceCents":"1"}`, `{"priceCents":1.5}`, `{"priceCents":1e400}`, `{"priceCents":9223372036854775808}`,
	`{"rating":[]}`, `{"body":{}}`, `{"stock":1}`, `{"NAME":"a"}`, `{"name":"a","name":null}`, `{"description":null}`,
	`{"` + strings.Repeat("é", 99) + `":1}`, `{"a` + strings.Repeat("é", 99) + `":1}`, `{"\u0000":1}`, `{"\ud800":1}`,
	"{\"name\":\"\xff\"}", "{\"\xff\":1}", "\xef\xbb\xbf{}", `{"name":"\ud800"}`, `{"name":"\u0000"}`,
	strings.Repeat("[", 20_000), strings.Repeat(`{"name":`, 11_000), `{"":1}`, `{"name":tru`, `{"body":"a` + "\n" + `"}`,
}

func FuzzDecodeJSON(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body), fiber.MIMEApplicationJSON)
	}
	for _, contentType := range []string{
		"", "application/json; charset=utf-8", "APPLICATION/JSON", "application/json;", "application/json; a", "text/plain",
		"application/x-www-form-urlencoded", "application/jsonp", "application/json, text/plain", "\x00", strings.Repeat(";", 1000),
	} {
		f.Add([]byte(bodies[0]), contentType)
	}
	all := newRequests()
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		for _, to := range []any{new(services.ProductFields), new(services.ReviewFields)} {
			c := all.post(body, map[string]string{fiber.HeaderContentType: contentType})
			err := decodeJSON(c, to)
			all.release(c)
			if err == nil {
				var object map[string]any
				if json.Unmarshal(body, &object) != nil || object == nil || !utf8.Valid(body) {
					t.Errorf("%q is taken for an object", body)
				}
				continue
			}
			e := hasCode(t, err, services.Malformed, services.Invalid, services.UnsupportedMedia)
			if (e.Code == services.Invalid) != (len(e.Fields) > 0) || len(e.Fields) > maxUnknown {
				t.Errorf("%q: code %v, fields %+v", body, e.Code, e.Fields)
			}
			for _, field := range e.Fields {
				if len(field.Field) > maxEchoed || !utf8.ValidString(field.Field) || field.Message == "" {
					t.Errorf("%q: field %+v", body, field)
				}
			}
		}
	})
}

func TestDecodeJSON_NamesTheFieldAndTheMistake(t *testing.T) {
	all := newRequests()
	for _, c := range []struct {
		body string
		code services.Code
		want string
	}{
		{`{"name":1}`, services.Invalid, "name: must be a text."},
		{`{"priceCents":"1"}`, services.Invalid, "priceCents: must be a whole number."},
		{`{"priceCents":1.5}`, services.Invalid, "priceCents: must be a whole number."},
		{`{"priceCents":9223372036854775808}`, services.Invalid, "priceCents: must be a whole number."},
		{`{"stock":1}`, services.Invalid, "stock: is not a known field."},
		{`{"price_cents":1}`, services.Invalid, "price_cents: is not a known field."},
		{`{"NAME":"a","name":1,"stock":2}`, services.Invalid, "NAME: is not a known field. stock: is not a known field."},
		{`[]`, services.Malformed, "an object is needed"},
		{`null`, services.Malformed, "an object is needed"},
		{`{"name":tru}`, services.Malformed, "it breaks at byte 12"},
		{`{} {}`, services.Malformed, "it breaks at byte 4"},
		{``, services.Malformed, "it breaks at byte 0"},
		{`{"name":"a`, services.Malformed, "it breaks at byte 10"},
	} {
		ctx := all.post([]byte(c.body), map[string]string{fiber.HeaderContentType: fiber.MIMEApplicationJSON})
		err := decodeJSON(ctx, new(services.ProductFields))
		all.release(ctx)
		if e := hasCode(t, err, c.code); !strings.Contains(e.Error(), c.want) {
			t.Errorf("%s: error %q, want %q", c.body, e.Error(), c.want)
		}
	}
}

func TestDecodeJSON_TakesNoCompressedBody(t *testing.T) {
	all := newRequests()
	c := all.post([]byte(`{}`), map[string]string{
		fiber.HeaderContentType: fiber.MIMEApplicationJSON, fiber.HeaderContentEncoding: "gzip",
	})
	defer all.release(c)
	_ = hasCode(t, decodeJSON(c, new(services.ProductFields)), services.UnsupportedMedia)
}

func FuzzNullMembers(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body))
	}
	f.Add([]byte(` { "name" : null , "description":"null", "priceCents": [null], "name":1, "DESCRIPTION":null } `))
	all := newRequests()
	f.Fuzz(func(t *testing.T, body []byte) {
		names, err := nullMembers(body)
		if err != nil {
			_ = hasCode(t, err, services.Malformed)
		}
		var object map[string]any
		if json.Unmarshal(body, &object) != nil {
			object = nil
		}
		for name, value := range object {
			if slices.Contains(names, name) != (value == nil) {
				t.Errorf("%q: null are %q, and %q is %v", body, names, name, value)
			}
		}
		for _, name := range names {
			if _, ok := object[name]; !ok {
				t.Errorf("%q: null are %q, and there is no %q", body, names, name)
			}
		}

		c := all.post(body, map[string]string{fiber.HeaderContentType: "application/merge-patch+json"})
		fields, err := decodePatch(c)
		all.release(c)
		if err != nil {
			_ = hasCode(t, err, services.Malformed, services.Invalid)
		} else if slices.Contains(names, "description") && (fields.Description == nil || *fields.Description != "") {
			t.Errorf("%q does not remove the description", body)
		}
	})
}

func TestUnknownNames_AtAnyDepthAndByTheExactName(t *testing.T) {
	type part struct {
		ID   int    `json:"id,omitempty"`
		Note string // no tag
	}
	type whole struct {
		part
		Parts  []part    `json:"parts"`
		First  *part     `json:"first"`
		Secret string    `json:"-"`
		At     time.Time `json:"at"`
	}
	for body, want := range map[string]string{
		`{"id":1,"Note":"x","parts":[{"id":1}],"first":{"id":2},"at":"2026-01-02T00:00:00Z"}`: "",
		`{"ID":1}`:                     "ID",
		`{"-":1}`:                      "-",
		`{"Secret":1}`:                 "Secret",
		`{"note":1}`:                   "note",
		`{"parts":[{"id":1},{"x":1}]}`: "parts.1.x",
		`{"first":{"ID":1}}`:           "first.ID",
		`{"first":null,"parts":5}`:     "",
	} {
		var names []string
		for _, unknown := range unknownNames([]byte(body), reflect.TypeFor[*whole](), "") {
			names = append(names, unknown.Field)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: unknown are %q, want %q", body, got, want)
		}
	}
}
