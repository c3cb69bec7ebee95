package docs

import (
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/openapi"
)

const lamps = `{
	"info": {"title": "Lamps", "description": "First.\n\nSecond, with ` + "`code`" + ` and <script>."},
	"tags": [{"name": "lamps"}, {"name": "rooms", "description": "Where they are."}],
	"paths": {
		"/rooms": {"delete": {"operationId": "clear", "tags": ["rooms"], "summary": "Clear", "responses": {"204": {"description": "Done."}}}},
		"/lamps/{id}": {"put": {
			"operationId": "setLamp", "tags": ["lamps"], "summary": "Set", "security": [{"session": ["admin"]}, {"token": []}],
			"parameters": [
				{"$ref": "#/components/parameters/ID"},
				{"name": "as", "in": "query", "schema": {"enum": ["json", "csv"], "default": "json"}, "example": "csv"}
			],
			"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lamp"}, "example": {"name": "x"}}}},
			"responses": {
				"200": {"description": "Set.", "headers": {"ETag": {"description": "Its version.", "schema": {"type": "string"}, "example": "\"1\""}},
					"content": {"application/json": {"schema": {"anyOf": [{"$ref": "#/components/schemas/Lamp"}, {"type": "array", "items": {"type": "string", "format": "date"}}]}}}},
				"404": {"$ref": "#/components/responses/NotFound"}
			}
		}},
		"/other": {"get": {"operationId": "other", "tags": ["untold"], "responses": {}}}
	},
	"components": {
		"parameters": {"ID": {"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "minimum": 1}, "example": 42}},
		"responses": {"NotFound": {"description": "No lamp.", "content": {"application/problem+json": {
			"schema": {"type": "object", "properties": {"detail": {"type": "string"}}}, "example": {"detail": "No lamp."}
		}}}},
		"schemas": {"Lamp": {"type": "object", "required": ["name"], "properties": {
			"name": {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "\\S"},
			"another": {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "null"}], "description": "It may go."},
			"colour": {"type": ["string", "null"]},
			"parts": {"type": "array", "minItems": 1, "uniqueItems": true, "items": {"$ref": "#/components/schemas/Lamp"}},
			"notes": {"type": "object", "additionalProperties": {"type": "string"}}
		}}},
		"securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "s"}, "token": {"type": "http", "scheme": "bearer"}}
	}
}`

func rendered(t *testing.T, try bool) string {
	t.Helper()
	page, err := render([]byte(lamps), Options{Try: try, Asset: func(name string) (string, error) { return "/docs/" + name, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

var tag = regexp.MustCompile(`<[^>]*>|\s+`)

// seen is the text of a page as a reader sees it.
func seen(page string) string {
	return strings.Join(strings.Fields(tag.ReplaceAllString(strings.ReplaceAll(page, "<wbr>", ""), " ")), " ")
}

func TestPage_ShowsWhatTheDocumentTells(t *testing.T) {
	page := rendered(t, false)
	for _, want := range []string{
		"First.", "Second, with code and &lt;script&gt;.", "Where they are.",
		"PUT /lamps/{id} For session : admin or token",
		"id required path; integer; at least 1; as in 42",
		"as query; one of json, csv; default json; as in csv",
		"application/json Name What it is name required string; 1 to 9 characters; not blank another integer or null; above 0 It may go. colour string or null",
		"parts array of objects; not empty; each once notes object of strings",
		"application/json, form 1", "application/json, form 2 Name What it is all array of strings (date)",
		"ETag optional string; as in &#34;1&#34; Its version.",
		"404 NotFound No lamp. Example { &#34;detail&#34;: &#34;No lamp.&#34; }",
		"DELETE /rooms For everybody", "untold", "A cookie with the name s", "Authorization: bearer",
	} {
		if !strings.Contains(strings.ReplaceAll(seen(page), " :", ":"), strings.ReplaceAll(want, " :", ":")) {
			t.Errorf("%q is not shown in %s", want, seen(page))
		}
	}
	order := []int{strings.Index(page, `<h2 id="tag-lamps"`), strings.Index(page, `<h2 id="tag-rooms"`), strings.Index(page, `<h2 id="tag-untold"`)}
	if !slices.IsSorted(order) || order[0] < 0 {
		t.Errorf("the groups stand at %v, want them in the order of the tags", order)
	}
}

func TestPage_HasFormsOnlyToTry(t *testing.T) {
	for try, want := range map[bool]bool{true: true, false: false} {
		page := rendered(t, try)
		for _, part := range []string{
			`<script src="/docs/docs.js" defer>`, `<form data-method="PUT" data-path="/lamps/{id}">`,
			`<input name="id" data-in="path" required value="42"`, `<textarea data-in="body" data-type="application/json"`,
		} {
			if strings.Contains(page, part) != want {
				t.Errorf("try %t, and the page has %s: %t", try, part, !want)
			}
		}
	}
}

// Every link within the page leads to something, and nothing is there twice.
func TestPage_LinksLeadSomewhere(t *testing.T) {
	page := rendered(t, true)
	ids := make(map[string]int)
	for _, match := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		ids[match[1]]++
	}
	links := regexp.MustCompile(`(?:href="#|aria-labelledby=")([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 10 {
		t.Fatalf("there are only the links %q", links)
	}
	for _, link := range links {
		if ids[link[1]] != 1 {
			t.Errorf("%s stands %d times", link[1], ids[link[1]])
		}
	}
}

// A strict Content-Security-Policy allows nothing inline, and the page needs nothing from elsewhere.
func TestPage_HasNothingInline(t *testing.T) {
	script, err := os.ReadFile("docs.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"style=", "<style", "onclick", "<script>", "http://", "https://", "innerHTML", "eval("} {
		if strings.Contains(rendered(t, true), bad) || strings.Contains(string(script), bad) {
			t.Errorf("there is %q", bad)
		}
	}
}

func TestHandler_SaysWhatCannotBeShown(t *testing.T) {
	if _, err := render([]byte("{"), Options{}); err == nil {
		t.Error("half a document is shown")
	}
	broken := openapi.Document{Groups: []openapi.Group{{Operations: []openapi.Operation{{Method: "GET", Path: "/", Answer: make(chan int)}}}}}
	app := fiber.New()
	app.Get("/docs", Handler(broken, Options{}))
	response, err := app.Test(httptest.NewRequest("GET", "/docs", nil))
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != fiber.StatusInternalServerError {
		t.Errorf("a document that cannot be described is %d", response.StatusCode)
	}
}
