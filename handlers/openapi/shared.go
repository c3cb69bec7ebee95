package openapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"example.com/prefab/handlers/rest"
)

// shared are the components that services share. Only what is used stands in the document.
//
//go:embed shared.json
var shared []byte

// problems are the components of errors, by status.
var problems = map[int]string{
	400: "Malformed", 401: "SignInNeeded", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 412: "Stale",
	413: "TooLarge", 415: "UnsupportedMedia", 422: "Invalid", 429: "TooMany", 500: "Failed", 503: "Unavailable",
}

// headerNames are those that differ from the names of their components.
var headerNames = map[string]string{"VersionTag": "ETag", "EntityTag": "ETag"}

func (b *builder) readShared() {
	decoder := json.NewDecoder(bytes.NewReader(shared))
	decoder.UseNumber() // a float64 does not hold the highest id
	if err := decoder.Decode(&b.shared); err != nil {
		b.fail(err)
	}
}

// replaceProblem describes errors in a service's own format, in place of RFC 9457.
func (b *builder) replaceProblem(format rest.ErrorFormat) {
	zero, contentType := format.Of(rest.Problem{})
	b.shared["schemas"]["Problem"] = b.typeSchema(reflect.TypeOf(zero))
	for _, response := range b.shared["responses"] {
		content, _ := response["content"].(map[string]any)
		of, _ := content[rest.ProblemType].(map[string]any)
		if of == nil {
			continue
		}
		described := map[string]any{"schema": Schema{"$ref": schemas + "Problem"}}
		if example := of["example"]; example != nil {
			var p rest.Problem
			text, err := json.Marshal(example)
			if err = errors.Join(err, json.Unmarshal(text, &p)); err != nil {
				b.fail(err)
			}
			text, err = json.Marshal(format.Body(p))
			if err != nil {
				b.fail(err)
			}
			described["example"] = json.RawMessage(text)
		}
		delete(content, rest.ProblemType)
		content[contentType] = described
	}
}

func (b *builder) headers(names ...string) Schema {
	all := Schema{}
	for _, name := range names {
		header := name
		if other, ok := headerNames[name]; ok {
			header = other
		}
		all[header] = b.ref("headers", name)
	}
	return all
}

// problem describes an error: by the shared component, or with the operation's own words.
func (b *builder) problem(op Operation, status int) Schema {
	name, known := problems[status]
	if !known {
		b.fail(fmt.Errorf("%s: nothing says what %d means", op.ID, status))
		return Schema{}
	}
	if op.isPage() || op.isFile() {
		name = "PageProblem"
	}
	says := op.Errors[status]
	if says == "" {
		return b.ref("responses", name)
	}
	response := maps.Clone(b.resolve(b.shared["responses"][name]))
	response["description"] = says
	return response
}
