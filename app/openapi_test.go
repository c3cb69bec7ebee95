package app_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/prefab/app"
	"example.com/prefab/handlers"
)

func TestOpenAPI_ListsEveryRouteAndNoOther(t *testing.T) {
	parameter := regexp.MustCompile(`:(\w+)`)
	var routes, documented []string
	for _, r := range app.Routes() {
		if r.Method != http.MethodHead {
			routes = append(routes, r.Method+" "+parameter.ReplaceAllString(r.Path, "{$1}"))
		}
	}
	for _, o := range theSpec(t).operations {
		documented = append(documented, o.method+" "+o.path)
	}
	for _, r := range routes {
		if !slices.Contains(documented, r) {
			t.Errorf("%s is not documented", r)
		}
	}
	for _, d := range documented {
		if !slices.Contains(routes, d) {
			t.Errorf("%s is documented, and no route", d)
		}
	}
}

func TestOpenAPI_IsServedWithTheCookiesName(t *testing.T) {
	want, err := handlers.API(sessionCookie, app.ErrorFormat()).JSON()
	if err != nil {
		t.Fatal(err)
	}
	got := shared(t).visitor().get("/openapi.json").want(http.StatusOK)
	if !bytes.Equal(got.body, want) {
		t.Error("what is served is not the document")
	}
}

// Every reference leads somewhere, nothing stands there unused, and the examples
// keep to their schemas.
func TestOpenAPI_HoldsTogether(t *testing.T) {
	s := theSpec(t)
	refs := make(map[string]bool)
	walk("", s.root, func(at string, object map[string]any) {
		if ref, ok := object["$ref"].(string); ok {
			at = strings.TrimPrefix(ref, "#")
			refs[at] = true
			if value, _ := s.follow(at); value == nil {
				t.Errorf("%s leads nowhere", ref)
			}
		}
		if example, ok := object["example"]; ok && object["schema"] != nil {
			if err := s.validate(at+"/schema", example); err != nil {
				t.Errorf("the example at %s: %v", at, err)
			}
		}
		if examples, ok := object["examples"].(map[string]any); ok && object["schema"] != nil {
			for name := range examples {
				if err := s.validate(at+"/schema", s.object(at + "/examples/" + name)["value"]); err != nil {
					t.Errorf("the example %s at %s: %v", name, at, err)
				}
			}
		}
		if examples, ok := object["examples"].([]any); ok {
			for _, example := range examples {
				if err := s.validate(at, example); err != nil {
					t.Errorf("an example at %s: %v", at, err)
				}
			}
		}
	})
	for kind, components := range s.object("/components") {
		for name := range components.(map[string]any) {
			if at := "/components/" + kind + "/" + name; kind != "securitySchemes" && !refs[at] {
				t.Errorf("%s is not used", at)
			}
		}
	}
}

func walk(at string, value any, visit func(at string, object map[string]any)) {
	switch value := value.(type) {
	case map[string]any:
		visit(at, value)
		for name, part := range value {
			walk(at+"/"+escape(name), part, visit)
		}
	case []any:
		for i, part := range value {
			walk(at+"/"+strconv.Itoa(i), part, visit)
		}
	}
}

// The clients of all tests rely on the check.
func TestOpenAPI_CheckSeesBreaches(t *testing.T) {
	visitor, s := shared(t).visitor(), theSpec(t)
	health, refused := visitor.get("/health/live").want(http.StatusOK), visitor.get(sessionPath).want(http.StatusUnauthorized)
	member := shared(t).member()
	signedIn, session := member.signIn(member.user.Email, password).want(http.StatusOK), member.get(sessionPath).want(http.StatusOK)
	for name, c := range map[string]struct {
		answer answer
		change func(a *answer)
	}{
		"another status":   {health, func(a *answer) { a.status = 201 }},
		"another type":     {health, func(a *answer) { a.header.Set("Content-Type", "text/plain") }},
		"a wrong type":     {health, func(a *answer) { a.body = []byte(`{"status":1}`) }},
		"a field more":     {health, func(a *answer) { a.body = []byte(`{"status":"live","more":1}`) }},
		"a body for HEAD":  {health, func(a *answer) { a.request.Method = http.MethodHead }},
		"no such route":    {health, func(a *answer) { a.request.URL.Path = "/nowhere" }},
		"no request id":    {health, func(a *answer) { a.header.Del("X-Request-Id") }},
		"no policy":        {health, func(a *answer) { a.header.Del("Content-Security-Policy") }},
		"no challenge":     {refused, func(a *answer) { a.header.Del("WWW-Authenticate") }},
		"an error to keep": {refused, func(a *answer) { a.header.Del("Cache-Control") }},
		"another instance": {refused, func(a *answer) { a.request.URL.Path = "/login" }},
		"a new header":     {health, func(a *answer) { a.header.Set("X-New", "1") }},
		"a wrong header":   {health, func(a *answer) { a.header.Set("X-Request-Id", "1") }},
		"a new parameter":  {session, func(a *answer) { a.request.URL.RawQuery = "new=1" }},
		"a wrong body":     {signedIn, func(a *answer) { a.sent = `{"email":1,"password":"x"}` }},
	} {
		bad := c.answer
		bad.request, bad.header = bad.request.Clone(t.Context()), bad.header.Clone()
		address := *bad.request.URL
		bad.request.URL = &address
		if c.change(&bad); s.check(bad) == nil {
			t.Errorf("%s is not seen", name)
		}
		if err := s.check(c.answer); err != nil { // or something else is wrong
			t.Errorf("before %s: %v", name, err)
		}
	}
}

// Beyond each limit of a body that the document tells, the answer is 422.
func TestOpenAPI_LimitsOfBodiesHold(t *testing.T) {
	s, doc := start(t), theSpec(t)
	by := people{s.visitor(), s.member(), s.admin()}
	for _, cases := range moreContractCases {
		for _, c := range cases(s, by) {
			var body map[string]any
			op, _ := doc.operation(c.method, c.path)
			if c.status >= 300 || json.Unmarshal([]byte(c.body), &body) != nil {
				continue
			}
			_, at := doc.follow(op.at + "/requestBody/content/application~1json/schema")
			required, _ := doc.object(at)["required"].([]any)
			for name := range doc.object(at + "/properties") {
				property := doc.object(at + "/properties/" + name)
				choice, removable := property["anyOf"].([]any) // or null
				switch {
				case removable:
					property = choice[0].(map[string]any)
					c.by.send(c.method, c.path, with(t, body, name, nil)).want(http.StatusOK)
				case c.method == http.MethodPatch:
					c.by.send(c.method, c.path, with(t, body, name, nil)).invalid(name)
				case !slices.Contains(required, any(name)):
					removable = true
				}
				for _, value := range beyond(property) {
					if isZero := value == "" || value == int64(0); !isZero || !removable { // these remove it, too
						c.by.send(c.method, c.path, with(t, body, name, value)).invalid(name)
					}
				}
			}
		}
	}
}

// beyond returns values that a schema does not allow, each just so.
func beyond(schema map[string]any) (values []any) {
	number := func(keyword string) (int64, bool) {
		text, ok := schema[keyword].(json.Number)
		n, err := text.Int64()
		return n, ok && err == nil && n < math.MaxInt64
	}
	if n, ok := number("minimum"); ok {
		values = append(values, n-1)
	}
	if n, ok := number("maximum"); ok {
		values = append(values, n+1)
	}
	if n, ok := number("minLength"); ok {
		values = append(values, strings.Repeat("x", int(n-1)))
	}
	if n, ok := number("maxLength"); ok {
		values = append(values, strings.Repeat("x", int(n+1)))
	}
	if schema["enum"] != nil || schema["format"] == "date" || schema["format"] == "uri" {
		values = append(values, "none of them")
	}
	return values
}

func with(t *testing.T, body map[string]any, name string, value any) string {
	t.Helper()
	changed := maps.Clone(body)
	changed[name] = value
	text, err := json.Marshal(changed)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
