package openapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
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
var headerNames = map[string]string{"VersionTag": "ETag", "EntityTag": "ETag", "ChangedCookie": "Set-Cookie"}

func (b *builder) readShared() {
	decoder := json.NewDecoder(bytes.NewReader(shared))
	decoder.UseNumber() // a float64 does not hold the highest id
	if err := decoder.Decode(&b.shared); err != nil {
		b.fail(err)
	}
	if b.errors.Body != nil {
		b.replaceProblem()
	}
	for status, name := range problems {
		response := b.withExample(b.shared["responses"][name], status, "", "/api/v1/session")
		headers, _ := response["headers"].(map[string]any)
		headers["RateLimit"] = Schema{"$ref": "#/components/headers/RateLimit"}
		headers["RateLimit-Policy"] = Schema{"$ref": "#/components/headers/RateLimit-Policy"}
		b.shared["responses"][name] = response
	}
	b.shared["responses"]["Refused"] = b.withExample(b.shared["responses"]["Refused"],
		http.StatusRequestHeaderFieldsTooLarge, "The header is larger than this service takes.", "/")
}

// replaceProblem describes errors in a service's own format, in place of RFC 9457.
func (b *builder) replaceProblem() {
	body, contentType := b.errors.Of(rest.Problem{})
	b.shared["schemas"]["Problem"] = b.typeSchema(reflect.TypeOf(body))
	for _, response := range b.shared["responses"] {
		content, _ := response["content"].(map[string]any)
		if content[rest.ProblemType] == nil {
			continue
		}
		delete(content, rest.ProblemType)
		content[contentType] = map[string]any{"schema": Schema{"$ref": schemas + "Problem"}}
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
		name = b.pageProblem(name)
	}
	says := op.Errors[status]
	if says == "" {
		return b.ref("responses", name)
	}
	response := b.withExample(b.shared["responses"][name], status, says, op.examplePath())
	response["description"] = says
	return b.resolve(response)
}

// pageProblem names the component of an error that browsers get as a page, which it adds.
func (b *builder) pageProblem(name string) string {
	of, page := b.shared["responses"][name], "Page"+name
	if b.shared["responses"][page] == nil {
		response := maps.Clone(of)
		response["description"] = fmt.Sprint(of["description"], " Browsers get it as a page.")
		content, _ := of["content"].(map[string]any)
		content = maps.Clone(content)
		content[htmlType] = Schema{"schema": Schema{"$ref": schemas + "HTML"}}
		response["content"] = content
		b.shared["responses"][page] = response
	}
	return page
}
