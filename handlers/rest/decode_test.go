package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
)

// bodies are seeds: good ones, and one for each way to be wrong.
var bodies = []string{
	`{"name":"Lamp","watts":1,"note":""}`, ` {} `,
	``, `{`, `}`, `[]`, `1`, `"a"`, `null`, ` null `, `true`, `{}{}`, `{} x`, `{"name":1}`, `{"name":null}`,
	`{"watts":"1"}`, `{"watts":1.5}`, `{"watts":1e400}`, `{"watts":9223372036854775808}`,
	`{"watts":[]}`, `{"note":{}}`, `{"lumen":1}`, `{"NAME":"a"}`, `{"name":"a","name":null}`, `{"note":null}`,
	`{"` + strings.Repeat("é", 99) + `":1}`, `{"a` + strings.Repeat("é", 99) + `":1}`, `{"\u0000":1}`, `{"\ud800":1}`,
	"{\"name\":\"\xff\"}", "{\"\xff\":1}", "\xef\xbb\xbf{}", `{"name":"\ud800"}`, `{"name":"\u0000"}`,
	strings.Repeat("[", 20_000), strings.Repeat(`{"name":`, 11_000), `{"":1}`, `{"name":tru`, `{"note":"a` + "\n" + `"}`,
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
		c := all.post(body, map[string]string{fiber.HeaderContentType: contentType})
		err := DecodeJSON(c, new(lampFields))
		all.release(c)
		if err == nil {
			var object map[string]any
			if json.Unmarshal(body, &object) != nil || object == nil || !utf8.Valid(body) {
				t.Errorf("%q is taken for an object", body)
			}
			if n := len(object); countMembers(body) != n {
				t.Errorf("%q is taken, and has a member twice", body)
			}
			return
		}
		e := wantCode(t, err, problem.Malformed, problem.Invalid, problem.UnsupportedMedia)
		if (e.Code == problem.Invalid) != (len(e.Fields) > 0) || len(e.Fields) > maxWrong {
			t.Errorf("%q: code %v, fields %+v", body, e.Code, e.Fields)
		}
		for _, field := range e.Fields {
			if len(field.Field) > maxNameEchoed || !utf8.ValidString(field.Field) || field.Message == "" {
				t.Errorf("%q: field %+v", body, field)
			}
		}
	})
}

// countMembers counts an object's members, those of one name too.
func countMembers(body []byte) int {
	n, decoder := 0, json.NewDecoder(bytes.NewReader(body))
	_, _ = decoder.Token()
	for decoder.More() {
		_, _ = decoder.Token()
		if decoder.Decode(new(json.RawMessage)) != nil {
			return -1
		}
		n++
	}
	return n
}

func TestDecodeJSON_NamesTheFieldAndTheMistake(t *testing.T) {
	all := newRequests()
	compressed := all.post([]byte(`{}`), map[string]string{
		fiber.HeaderContentType: fiber.MIMEApplicationJSON, fiber.HeaderContentEncoding: "gzip",
	})
	_ = wantCode(t, DecodeJSON(compressed, new(lampFields)), problem.UnsupportedMedia)
	all.release(compressed)
	for _, c := range []struct {
		body string
		code problem.Code
		want string
	}{
		{`{"name":1}`, problem.Invalid, "name: must be a text."},
		{`{"watts":"1"}`, problem.Invalid, "watts: must be a whole number."},
		{`{"watts":1.5}`, problem.Invalid, "watts: must be a whole number."},
		{`{"watts":9223372036854775808}`, problem.Invalid,
			"watts: must be a whole number from -9223372036854775808 to 9223372036854775807."},
		{`{"lumen":1}`, problem.Invalid, "lumen: is not a known field."},
		{`{"NAME":"a","name":1,"lumen":2}`, problem.Invalid,
			"NAME: is not a known field. name: must be a text. lumen: is not a known field."},
		{`{"name":"a","name":"b"}`, problem.Invalid, "name: is given twice."},
		{`[]`, problem.Malformed, "it must be an object"},
		{`null`, problem.Malformed, "it must be an object"},
		{`{"name":tru}`, problem.Malformed, "there is an error at byte 12"},
		{`{} {}`, problem.Malformed, "there is an error at byte 4"},
		{``, problem.Malformed, "it is empty"},
		{`{"name":"a`, problem.Malformed, "there is an error at byte 10"},
	} {
		ctx := all.post([]byte(c.body), map[string]string{fiber.HeaderContentType: fiber.MIMEApplicationJSON})
		err := DecodeJSON(ctx, new(lampFields))
		all.release(ctx)
		if e := wantCode(t, err, c.code); !strings.Contains(e.Error(), c.want) {
			t.Errorf("%s: error %q, want %q", c.body, e.Error(), c.want)
		}
	}
}

func TestDecodePatch_NullRemovesWhatIsRemovable(t *testing.T) {
	all := newRequests()
	for body, want := range map[string]string{
		`{"name":"a"}`:               `{"name":"a","watts":null,"note":null}`,
		`{"note":null,"watts":3}`:    `{"name":null,"watts":3,"note":""}`,
		`{"note":"null"}`:            `{"name":null,"watts":null,"note":"null"}`,
		`{"name":null}`:              "name: cannot be removed.",
		`{"watts":null,"name":null}`: "name: cannot be removed.",
		`{"watts":[null]}`:           "watts: must be a whole number.",
		`{"note":null,"note":"a"}`:   "note: is given twice.",
		`{"NOTE":null}`:              "NOTE: is not a known field.",
		`null`:                       "it must be an object",
	} {
		c := all.post([]byte(body), map[string]string{fiber.HeaderContentType: "application/merge-patch+json"})
		var fields lampFields
		err := DecodePatch(c, &fields, "note")
		all.release(c)
		got, _ := json.Marshal(fields)
		if err != nil {
			got = []byte(wantCode(t, err, problem.Malformed, problem.Invalid).Error())
		}
		if !strings.Contains(string(got), want) {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

func TestWrongFields_NamesAllByTheirExactNames(t *testing.T) {
	type part struct {
		ID   int    `json:"id,omitempty"`
		Note string // no tag
	}
	type whole struct {
		part
		Tiny   int8           `json:"tiny"`
		Parts  []part         `json:"parts"`
		First  *part          `json:"first"`
		Secret string         `json:"-"`
		At     *time.Time     `json:"at"`
		From   netip.Addr     `json:"from"`
		Quoted int64          `json:"quoted,string"`
		Weight float64        `json:"weight"`
		Open   bool           `json:"open"`
		More   map[string]int `json:"more"`
		Any    any            `json:"any"`
		Raw    json.RawMessage
		Bytes  []byte
		Pair   [2]int
		Whole  *whole
		Maps   map[string]map[string]*part
	}
	const unreadable = "cannot be read"
	for body, want := range map[string]string{
		`{"id":1,"Note":"x","parts":[{"id":1}],"first":{"id":2},"at":"2026-01-02T00:00:00Z","from":"::1","quoted":"5"}`: "",
		`{"weight":1e3,"open":true,"more":{"a":1,"b":2},"any":{"a":[1e40,null]},"first":null}`:                          "",
		`{"ID":1}`:                         "ID is not a known field",
		`{"-":1}`:                          "- is not a known field",
		`{"Secret":1}`:                     "Secret is not a known field",
		`{"id":1,"id":1}`:                  "id is given twice",
		`{"first":{},"id":1,"first":null}`: "first is given twice",
		`{"id":"1"}`:                       "id must be a whole number",
		`{"id":1.5,"Note":{},"parts":{}}`:  "id must be a whole number; Note must be a text; parts must be a list",
		`{"tiny":-129,"more":{"a":1e30}}`:  "tiny must be a whole number from -128 to 127; more.a must be a whole number",
		`{"first":[],"parts":5}`:           "first must be an object; parts must be a list",
		`{"first":{"id":"x"}}`:             "first.id must be a whole number",
		`{"first":{"x":1}}`:                "first.x is not a known field",
		`{"first":{"id":1,"id":2,"ID":3}}`: "first.id is given twice; first.ID is not a known field",
		`{"parts":[{"id":1},{"id":"x","Note":1},[],null,{"Note":null}]}`: "parts[1].id must be a whole number; " +
			"parts[1].Note must be a text; parts[2] must be an object; parts[3] must not be null",
		`{"more":{"a":1,"b":"x","a":2}}`:                      "more.b must be a whole number; more.a is given twice",
		`{"Maps":{"a":{"b":{"id":1.5}},"c":{"d":null}}}`:      "Maps.a.b.id must be a whole number",
		`{"Raw":{"any":[1e400]},"Bytes":"YQ==","Pair":[1,2]}`: "",
		`{"Bytes":"?","Pair":["1",2]}`:                        "Bytes " + unreadable + "; Pair[0] must be a whole number",
		`{"Bytes":[1,300]}`:                                   "Bytes[1] must be a whole number",
		`{"Whole":{"Whole":{"tiny":300,"no":1}}}`: "Whole.Whole.tiny must be a whole number from -128 to 127; " +
			"Whole.Whole.no is not a known field",
		strings.Repeat(`{"Whole":`, 40) + "{}" + strings.Repeat("}", 40): strings.Repeat("Whole.", 31) + "Whole is nested too deeply",
		`{"at":"today","from":{}}`:                                       "at " + unreadable + "; from " + unreadable,
		`{"weight":"1","open":1,"more":[]}`:                              "weight must be a number; open must be true or false; more must be an object",
		`{"any":{"a":1e400}}`:                                            "any must be a number",
	} {
		var messages []string
		for _, wrong := range wrongFields([]byte(body), reflect.TypeFor[whole](), false) {
			messages = append(messages, wrong.Field+" "+wrong.Message)
		}
		if got := strings.Join(messages, "; "); got != want {
			t.Errorf("%.200s: %s\nwant %s", body, got, want)
		}
	}
	if wrong := wrongFields([]byte("{"+strings.Repeat(`"x":1,`, 99)+`"x":1}`), reflect.TypeFor[whole](), false); len(wrong) != maxWrong {
		t.Errorf("%d fields come back, want %d", len(wrong), maxWrong)
	}
	if wrong := wrongFields([]byte(`{"parts":[`+strings.Repeat(`{"x":1},`, 99)+`{}]}`), reflect.TypeFor[whole](), false); len(wrong) != maxWrong {
		t.Errorf("%d fields of a list come back, want %d", len(wrong), maxWrong)
	}
	long := strings.Repeat("é", 99)
	wrong := wrongFields(fmt.Appendf(nil, `{"Maps":{%q:{%q:{%q:1}}}}`, long, long, long), reflect.TypeFor[whole](), false)
	if len(wrong) != 1 || len(wrong[0].Field) > maxPathEchoed || !utf8.ValidString(wrong[0].Field) {
		t.Errorf("of long names comes back %+v", wrong)
	}
	null := wrongFields([]byte(`{"first":{"id":null},"parts":[{"id":null}],"tiny":null}`), reflect.TypeFor[whole](), true)
	if len(null) != 1 || null[0].Field != "first.id" || null[0].Message != "cannot be removed" {
		t.Errorf("in a patch null is %+v", null)
	}
}
