package openapi

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/prefab/services/problem"
)

type Lamp struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name" doc:"As sold."`
	Watts     int64     `json:"watts,omitempty"`
	RoomID    int64     `json:"roomId"`
	Parts     []Part    `json:"parts" maxItems:"3"`
	Hidden    string    `json:"-"`
	Inner     string    `json:"inner" doc:"-"`
	CreatedAt time.Time `json:"createdAt"`
	*Detail
}

type Part struct {
	Kind string `json:"kind" enum:"bulb,foot"`
}

type Detail struct {
	Weight float64 `json:"weight" exclusiveMinimum:"0"`
	Height *int    `json:"height"`
}

type LampFields struct {
	Name  *string `json:"name"`
	Watts *int64  `json:"watts"`
}

func (f LampFields) Rules(r *problem.Rules) {
	r.Require("name", f.Name != nil)
	if f.Name != nil {
		r.Line("name", *f.Name, 1, 100)
	}
	if f.Watts != nil && *f.Watts != 0 { // 0 removes it
		r.Between("watts", *f.Watts, 5, 2000)
	}
}

// describe returns the document of the operations, by JSON pointers.
func describe(t *testing.T, operations ...Operation) func(at ...string) string {
	t.Helper()
	text, err := Document{Groups: []Group{{Tag: "lamps", Operations: operations}}}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var root any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&root); err != nil {
		t.Fatal(err)
	}
	return func(at ...string) string {
		value := root
		for _, name := range at {
			object, _ := value.(map[string]any)
			value = object[name]
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

func TestOperation_AnswersFollowFromFacts(t *testing.T) {
	for _, c := range []struct {
		op   Operation
		want string
	}{
		{Operation{Method: "GET", Path: "/api/v1/lamps", Answer: Lamp{}}, "200 304 422 500 503 default"},
		{Operation{Method: "GET", Path: "/api/v1/lamps/{id}", Answer: Lamp{}, Guard: User}, "200 401 404 422 500 503 default"},
		{
			Operation{Method: "POST", Path: "/api/v1/lamps", Body: LampFields{}, Answer: Lamp{}, Guard: Admin},
			"201 400 401 403 413 415 422 500 503 default",
		},
		{
			Operation{Method: "DELETE", Path: "/api/v1/lamps/{id}", Guard: Admin, IfMatch: true},
			"204 401 403 404 412 422 500 503 default",
		},
		{Operation{Method: "GET", Path: "/api/v1/keys", Answer: Lamp{}, Guard: Session}, "200 401 403 422 500 503 default"},
		{Operation{Method: "GET", Path: "/lamps/{id}", Answer: Page{}}, "200 304 404 422 500 503 default"},
		{Operation{Method: "GET", Path: "/lamps/new", Answer: Page{}, Guard: Admin}, "200 303 401 403 422 500 503 default"},
		{
			Operation{Method: "POST", Path: "/lamps/new", Answer: Page{}, Guard: Admin, Form: []string{"name"}},
			"303 400 401 403 413 415 422 500 503 default",
		},
		{Operation{Method: "GET", Path: "/lamps.txt", Answer: File{}, Never: []int{503}}, "200 304 500 default"},
		{
			Operation{
				Method: "GET", Path: "/state", Answer: Lamp{}, Never: []int{304}, Errors: map[int]string{429: ""},
				Others: []Other{{Status: 503, Answer: Lamp{}}},
			}, "200 429 500 503 default",
		},
	} {
		c.op.ID = "op"
		var got map[string]any
		responses := describe(t, c.op)("paths", c.op.Path, strings.ToLower(c.op.Method), "responses")
		if err := json.Unmarshal([]byte(responses), &got); err != nil {
			t.Fatal(err)
		}
		var statuses []string
		for status := range got {
			statuses = append(statuses, status)
		}
		slices.Sort(statuses)
		if strings.Join(statuses, " ") != c.want {
			t.Errorf("%s %s: %q, want %q", c.op.Method, c.op.Path, statuses, c.want)
		}
	}
}

func TestOperation_TellsWhatACallerCanIdentifyItselfBy(t *testing.T) {
	for _, c := range []struct {
		op              Operation
		without, tokens string
	}{
		{Operation{Method: "GET"}, `null`, `null`},
		{Operation{Method: "GET", Guard: User}, `[{"session":[]}]`, `[{"session":[]},{"token":["read"]}]`},
		{Operation{Method: "DELETE", Guard: User}, `[{"session":[]}]`, `[{"session":[]},{"token":["write"]}]`},
		{Operation{Method: "GET", Guard: Admin}, `[{"session":["admin"]}]`, `[{"session":["admin"]},{"token":["admin"]}]`},
		{Operation{Method: "GET", Guard: Session}, `[{"session":[]}]`, `[{"session":[]}]`},
	} {
		for tokens, want := range map[bool]string{false: c.without, true: c.tokens} {
			c.op.ID, c.op.Path, c.op.Answer = "op", "/api/v1/lamps", Lamp{}
			text, err := Document{Tokens: tokens, Groups: []Group{{Tag: "lamps", Operations: []Operation{c.op}}}}.JSON()
			if err != nil {
				t.Fatal(err)
			}
			var document struct {
				Paths      map[string]map[string]struct{ Security json.RawMessage }
				Components struct{ SecuritySchemes map[string]any }
			}
			if err := json.Unmarshal(text, &document); err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			security := document.Paths["/api/v1/lamps"][strings.ToLower(c.op.Method)].Security
			if security == nil {
				security = json.RawMessage("null")
			}
			if err := json.Compact(&got, security); err != nil || got.String() != want {
				t.Errorf("%s, guard %d, tokens %t: %s, want %s, error %v", c.op.Method, c.op.Guard, tokens, &got, want, err)
			}
			if _, described := document.Components.SecuritySchemes["token"]; described != tokens {
				t.Errorf("tokens %t, and the scheme is described: %t", tokens, described)
			}
		}
	}
}

func TestSchemas_ComeFromTypesTagsAndRules(t *testing.T) {
	name := "Brass lamp"
	at := describe(t,
		Operation{ID: "create", Method: "POST", Path: "/api/v1/lamps", Body: LampFields{Name: &name}, Answer: Lamp{}},
		Operation{
			ID: "update", Method: "PATCH", Path: "/api/v1/lamps/{id}", Body: LampFields{}, Removable: []string{"watts"},
			Answer: Lamp{}, Versioned: true,
		},
		Operation{ID: "short", Method: "GET", Path: "/api/v1/short", Answer: Renamed{Lamp{}, map[string]string{"name": "n"}}},
	)
	schemas := func(more ...string) []string { return append([]string{"components", "schemas"}, more...) }
	body := []string{"paths", "/api/v1/lamps", "post", "requestBody", "content", "application/json"}
	short := []string{"paths", "/api/v1/short", "get", "responses", "200", "content", "application/json", "schema"}
	const line = `{"description":"One line.","maxLength":100,"minLength":1,"pattern":"\\S","type":"string"}`
	const watts = `{"format":"int64","maximum":2000,"minimum":5,"type":"integer"}`
	for _, c := range []struct {
		at   []string
		want string
	}{
		{schemas("Lamp", "additionalProperties"), "false"},
		{schemas("Lamp", "required"), `["id","name","roomId","parts","createdAt"]`},
		{schemas("Lamp", "properties", "id"), `{"$ref":"#/components/schemas/ID"}`},
		{schemas("Lamp", "properties", "roomId"), `{"$ref":"#/components/schemas/ID"}`},
		{schemas("Lamp", "properties", "name"), strings.Replace(line, "One", "As sold. One", 1)},
		{schemas("Lamp", "properties", "watts"), watts},
		{schemas("Lamp", "properties", "parts"), `{"items":{"$ref":"#/components/schemas/Part"},"maxItems":3,"type":"array"}`},
		{schemas("Lamp", "properties", "createdAt"), `{"$ref":"#/components/schemas/Time"}`},
		{schemas("Lamp", "properties", "weight"), `{"exclusiveMinimum":0,"type":"number"}`},
		{schemas("Lamp", "properties", "Hidden"), "null"},
		{schemas("Lamp", "properties", "inner"), "null"},
		{schemas("Lamp", "dependentRequired"), `{"weight":["height"]}`},
		{schemas("Part", "properties", "kind"), `{"enum":["bulb","foot"],"type":"string"}`},
		{schemas("LampFields", "required"), `["name"]`},
		{schemas("LampFields", "properties", "name"), line},
		{schemas("LampPatch", "required"), "null"},
		{schemas("LampPatch", "properties", "name"), line},
		{schemas("LampPatch", "properties", "watts"), `{"anyOf":[` + watts + `,{"type":"null"}]}`},
		{schemas("Problem", "type"), `"object"`},
		{schemas("Cursor"), "null"}, // it is not used
		{append(body, "example"), `{"name":"Brass lamp"}`},
		{append(short, "required"), `["id","n","roomId","parts","createdAt"]`},
		{append(short, "properties", "parts", "items", "additionalProperties"), "false"},
		{schemas("ID", "maximum"), "9223372036854775807"},
	} {
		if got := at(c.at...); got != c.want {
			t.Errorf("%s: %s, want %s", strings.Join(c.at, "/"), got, c.want)
		}
	}
}

func TestJSON_SaysWhatCannotBeDescribed(t *testing.T) {
	ok := Operation{ID: "show", Method: "GET", Path: "/api/v1/lamps", Answer: Lamp{}}
	for want, operations := range map[string][]Operation{
		"chan int":         {{ID: "show", Method: "GET", Path: "/", Answer: struct{ C chan int }{}}},
		"stands twice":     {ok, ok},
		`"show": it`:       {ok, {ID: "show", Method: "GET", Path: "/other", Answer: Lamp{}}},
		"Nowhere":          {{ID: "show", Method: "GET", Path: "/", Answer: Schema{"$ref": "#/components/schemas/Nowhere"}}},
		"what 418 means":   {{ID: "show", Method: "GET", Path: "/", Answer: Lamp{}, Errors: map[int]string{418: ""}}},
		"303: it stands":   {{ID: "show", Method: "GET", Path: "/", Answer: Page{}, Guard: User, Others: []Other{{Status: 303, Answer: Page{}}}}},
		"maxItems of many": {{ID: "show", Method: "GET", Path: "/", Answer: tagged{}}},
	} {
		_, err := Document{Groups: []Group{{Operations: operations}}}.JSON()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

type tagged struct {
	Many []string `json:"many" maxItems:"few"`
}

// RatedFields embed others, whose fields stand in one object with theirs.
type RatedFields struct {
	Sender
	Stars *int64 `json:"stars"`
}

func TestExamples_HaveEmbeddedFieldsInTheirObject(t *testing.T) {
	email, stars := "a@b", int64(3)
	at := describe(t, Operation{
		ID: "rate", Method: "POST", Path: "/api/v1/ratings", Answer: Lamp{}, Body: RatedFields{Sender{&email}, &stars},
	})
	body := at("paths", "/api/v1/ratings", "post", "requestBody", "content", "application/json", "example")
	if want := `{"email":"a@b","stars":3}`; body != want {
		t.Errorf("the example is %s, want %s", body, want)
	}
}
