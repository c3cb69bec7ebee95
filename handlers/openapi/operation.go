package openapi

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const (
	htmlType  = "text/html; charset=utf-8"
	patchType = "application/merge-patch+json"
	jsonType  = "application/json"
)

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// operation describes one operation.
func (b *builder) operation(tag string, op Operation) members {
	m := members{{"operationId", op.ID}, {"tags", []string{tag}}, {"summary", op.Summary}}
	if op.Description != "" {
		m.add("description", op.Description)
	}
	if security := b.security(op); security != nil {
		m.add("security", security)
	}
	if params := b.params(op); len(params) > 0 {
		m.add("parameters", params)
	}
	if body := b.body(op); body != nil {
		m.add("requestBody", Schema{"required": true, "content": body})
	}
	m.add("responses", b.responses(op))
	return m
}

// security lists what a caller can identify itself by.
func (b *builder) security(op Operation) []Schema {
	roles, scope := []string{}, "write"
	switch {
	case op.Guard == Anybody:
		return nil
	case op.Guard == Admin:
		roles, scope = []string{"admin"}, "admin"
	case op.isRead():
		scope = "read"
	}
	security := []Schema{{"session": roles}}
	if b.tokens && op.Guard != Session {
		security = append(security, Schema{"token": []string{scope}})
	}
	return security
}

// These decide which answers an operation can give.

func (op Operation) isPage() bool     { return op.Answer == Page{} }
func (op Operation) isFile() bool     { return op.Answer == File{} }
func (op Operation) isRead() bool     { return op.Method == http.MethodGet }
func (op Operation) hasBody() bool    { return op.Body != nil || op.Form != nil }
func (op Operation) hasID() bool      { return strings.Contains(op.Path, "{id}") }
func (op Operation) isRedirect() bool { return op.Status == http.StatusSeeOther }
func (op Operation) isPublicRead() bool {
	return op.isRead() && op.Guard == Anybody && !op.isRedirect()
}
func (op Operation) examplePath() string {
	return pathParameter.ReplaceAllString(op.Path, "42")
}
func (op Operation) takesPageParams() bool {
	return op.isPage() && op.isRead() && !op.isRedirect() && !slices.Contains(op.Never, http.StatusUnprocessableEntity)
}
func (op Operation) isAPI() bool { return strings.HasPrefix(op.Path, "/api/") }

func (op Operation) success() int {
	switch {
	case op.Status != 0:
		return op.Status
	case op.isPage() && !op.isRead():
		return http.StatusSeeOther
	case op.Answer == nil:
		return http.StatusNoContent
	case op.Method == http.MethodPost:
		return http.StatusCreated
	}
	return http.StatusOK
}

// errors returns the statuses of the errors that the operation can answer with.
func (op Operation) errors() []int {
	all := map[int]bool{
		400: op.hasBody(), 413: op.hasBody(), 415: op.hasBody(),
		401: op.Guard != Anybody,
		403: op.Guard == Admin || op.Guard == Session || !op.isRead(),
		404: strings.Contains(op.Path, "{"),
		412: op.IfMatch,
		422: op.hasBody() || op.isAPI() || op.hasID() || op.isPage() && op.isRead(),
		500: true, 503: true,
	}
	for status := range op.Errors {
		all[status] = true
	}
	for _, other := range op.Others {
		all[other.Status] = false
	}
	for _, status := range op.Never {
		all[status] = false
	}
	maps.DeleteFunc(all, func(_ int, happens bool) bool { return !happens })
	return slices.Sorted(maps.Keys(all))
}

func (b *builder) params(op Operation) (params []any) {
	for _, match := range pathParameter.FindAllStringSubmatch(op.Path, -1) {
		name := match[1]
		switch {
		case slices.ContainsFunc(op.Params, func(p Param) bool { return p.Name == name }):
		case name == "id":
			params = append(params, b.ref("parameters", "ID"))
		default:
			params = append(params, b.param(Param{Name: name, Type: ""}, "path"))
		}
	}
	for _, p := range op.Params {
		in := "query"
		if strings.Contains(op.Path, "{"+p.Name+"}") {
			in = "path"
		}
		params = append(params, b.param(p, in))
	}
	if op.takesPageParams() {
		for _, p := range b.pageParams {
			params = append(params, b.param(p, "query"))
		}
	}
	if op.isPublicRead() && !slices.Contains(op.Never, http.StatusNotModified) {
		params = append(params, b.ref("parameters", "If-None-Match"))
	}
	if op.IfMatch {
		params = append(params, b.ref("parameters", "If-Match"))
	}
	return params
}

func (b *builder) param(p Param, in string) members {
	m := members{{"name", p.Name}, {"in", in}}
	if in == "path" {
		m.add("required", true)
	}
	if p.Description != "" {
		m.add("description", p.Description)
	}
	schema := b.schema(p.Type)
	if schema["type"] == "array" { // ids=1,2,3
		m.add("style", "form")
		m.add("explode", false)
	}
	m.add("schema", schema)
	if p.Example != nil {
		m.add("example", p.Example)
	}
	return m
}

func (b *builder) body(op Operation) Schema {
	switch {
	case op.Form != nil:
		return Schema{"application/x-www-form-urlencoded": Schema{"schema": formSchema(op.Form)}}
	case op.Body == nil:
		return nil
	case op.Method == http.MethodPatch:
		content := b.content(b.patch(op.Body, op.Removable), op.Body)
		return Schema{patchType: content, jsonType: content}
	}
	return Schema{jsonType: b.content(b.schema(op.Body), op.Body)}
}

// formSchema describes the inputs of a form, which are all texts.
func formSchema(inputs []string) Schema {
	properties, required := members{}, []string{}
	for _, input := range inputs {
		name, pattern, hasPattern := strings.Cut(input, "=")
		name, optional := strings.CutSuffix(name, "?")
		schema := Schema{"type": "string"}
		switch {
		case hasPattern:
			schema["pattern"] = pattern
		case !optional:
			schema["minLength"] = 1
		}
		if !optional {
			required = append(required, name)
		}
		properties.add(name, schema)
	}
	return Schema{"type": "object", "required": required, "properties": properties}
}
