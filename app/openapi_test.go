package app_test

import (
	"bytes"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/prefab/app"
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

func TestOpenAPI_IsServedAsItIsWithTheCookiesName(t *testing.T) {
	s := start(t)
	want, err := os.ReadFile("../handlers/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	got := s.visitor().get("/openapi.json").want(http.StatusOK)
	if want = bytes.ReplaceAll(want, []byte("__Host-session"), []byte(sessionCookie)); !bytes.Equal(got.body, want) {
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

// The check that every other test leans on.
func TestOpenAPI_CheckSeesBreaches(t *testing.T) {
	exchangeOf := func(method, path string, status int, contentType, body string) exchange {
		request, err := http.NewRequest(method, "http://example.test"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{"X-Request-Id": {strings.Repeat("a", 32)}, "Cache-Control": {"no-store"}}
		if status == http.StatusUnauthorized {
			header.Set("WWW-Authenticate", `Cookie realm="prefab"`)
		}
		header.Set("Content-Type", contentType)
		return exchange{request, nil, []byte(body), &http.Response{StatusCode: status, Header: header}}
	}
	const (
		live    = "/health/live"
		plain   = "application/json"
		problem = "application/problem+json"
		absent  = `{"type":"about:blank","title":"Unauthorized","status":401,"detail":"No.","instance":"/api/v1/session"}`
	)
	s := theSpec(t)
	if err := s.check(exchangeOf("GET", live, 200, plain, `{"status":"live"}`)); err != nil {
		t.Errorf("a good answer is refused: %v", err)
	}
	if err := s.check(exchangeOf("GET", sessionPath, 401, problem, absent)); err != nil {
		t.Errorf("a good error is refused: %v", err)
	}
	withoutID := exchangeOf("GET", live, 200, plain, `{"status":"live"}`)
	withoutID.response.Header.Del("X-Request-Id")
	cached := exchangeOf("GET", sessionPath, 401, problem, absent)
	cached.response.Header.Del("Cache-Control")
	withoutChallenge := exchangeOf("GET", sessionPath, 401, problem, absent)
	withoutChallenge.response.Header.Del("WWW-Authenticate")
	for name, bad := range map[string]exchange{
		"another status":         exchangeOf("GET", live, 201, plain, `{"status":"live"}`),
		"an error of no concern": exchangeOf("GET", live, 409, problem, absent),
		"another type":           exchangeOf("GET", live, 200, "text/plain", `{"status":"live"}`),
		"a wrong type":           exchangeOf("GET", live, 200, plain, `{"status":1}`),
		"a field more":           exchangeOf("GET", live, 200, plain, `{"status":"live","more":1}`),
		"a body for HEAD":        exchangeOf("HEAD", live, 200, plain, `{"status":"live"}`),
		"a body with 204":        exchangeOf("DELETE", "/api/v1/session", 204, plain, `{}`),
		"no challenge":           withoutChallenge,
		"another instance":       exchangeOf("POST", "/login", 401, problem, absent),
		"no such route":          exchangeOf("GET", "/nowhere", 200, plain, `{}`),
		"no request id":          withoutID,
		"an error to cache":      cached,
	} {
		if s.check(bad) == nil {
			t.Errorf("%s is not seen", name)
		}
	}
}
