package openapi

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/prefab/handlers/rest"
)

// Tree contains itself.
type Tree struct {
	Name     string `json:"name"`
	Planted  string `json:"planted" format:"date"`
	Site     string `json:"site" format:"uri"`
	Kind     string `json:"kind" enum:"leaf,branch"`
	Children []Tree `json:"children"`
}

func TestExamples_AreLearnedOrMade(t *testing.T) {
	lamp := Lamp{ID: 7, Name: "Brass lamp"}
	at := describe(t,
		Operation{ID: "show", Method: "GET", Path: "/api/v1/lamp", Answer: Lamp{}},
		Operation{ID: "known", Method: "GET", Path: "/api/v1/known", Answer: lamp},
		Operation{ID: "tree", Method: "GET", Path: "/api/v1/tree", Answer: Tree{}},
		Operation{ID: "coded", Method: "GET", Path: "/api/v1/coded", Answer: Schema{"type": "string", "pattern": "^[A-Z]{4}$"}},
	)
	answer := func(path string) string {
		return at("paths", path, "get", "responses", "200", "content", "application/json", "example")
	}
	if got, want := answer("/api/v1/lamp"), answer("/api/v1/known"); got != want || !strings.Contains(got, "Brass lamp") {
		t.Errorf("the example is %s, and the one of another operation %s", got, want)
	}
	if got := answer("/api/v1/tree"); !strings.HasPrefix(got, `{"children":[{"children":[`) || !strings.Contains(got, `"kind":"leaf","name":"text","planted":"2026-03-01","site":"https://example.com/"`) {
		t.Errorf("the example of a type that contains itself is %s", got)
	}
	if got := answer("/api/v1/coded"); got != "null" { // a wrong one would be worse
		t.Errorf("the example of a pattern is %s", got)
	}
}

func TestExamples_ErrorsAreAsTheyAreAnswered(t *testing.T) {
	op := Operation{ID: "show", Method: "GET", Path: "/api/v1/lamps/{id}", Answer: Lamp{}, Errors: map[int]string{404: "It was sold."}}
	page := Operation{ID: "page", Method: "GET", Path: "/lamps/{id}", Answer: Page{}}
	at := describe(t, op, page)
	example := func(name string) (p rest.Problem) {
		text := at("components", "responses", name, "content", "application/problem+json", "example")
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := example("Invalid"); p.Status != 422 || p.Title != "Unprocessable Entity" || len(p.Errors) == 0 {
		t.Errorf("the example of 422 is %+v", p)
	}
	if p := example("PageNotFound"); p.Status != 404 || p.Detail != "There is nothing with this id." {
		t.Errorf("the example of a page's 404 is %+v", p)
	}
	html := at("components", "responses", "PageNotFound", "content", "text/html; charset=utf-8", "schema")
	if want := `{"$ref":"#/components/schemas/HTML"}`; html != want {
		t.Errorf("a page's 404 is %s, want %s too", html, want)
	}
	own := at("paths", "/api/v1/lamps/{id}", "get", "responses", "404", "content", "application/problem+json", "example")
	want := `{"detail":"It was sold.","instance":"/api/v1/lamps/42","status":404,"title":"Not Found","type":"about:blank"}`
	if own != want {
		t.Errorf("the example of an error in own words is %s, want %s", own, want)
	}

	format := rest.ErrorFormat{ContentType: "application/json", Body: func(p rest.Problem) any {
		return struct {
			Text string `json:"text"`
		}{p.Detail}
	}}
	text, err := Document{Errors: format, Groups: []Group{{Tag: "lamps", Operations: []Operation{op}}}}.JSON()
	if err != nil || strings.Contains(string(text), "problem+json") || !strings.Contains(string(text), `"text": "It was sold."`) {
		t.Errorf("with another format of errors, and error %v: %s", err, text)
	}
}
