package openapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/services/problem"
)

// learnExamples keeps values that are examples, for operations with a value of the same type
// that give none.
func (b *builder) learnExamples(values ...any) {
	for _, value := range values {
		if choice, ok := value.(AnyOf); ok {
			b.learnExamples(choice...)
		} else if hasExample(value) {
			b.examples[reflect.TypeOf(value)] = value
		}
	}
}

func hasExample(value any) bool {
	switch value.(type) {
	case Schema, Renamed, AnyOf:
		return false
	}
	return value != nil && !reflect.ValueOf(value).IsZero()
}

// content is a schema with an example: the value itself, another one of its type, or one that
// is made of the schema.
func (b *builder) content(schema Schema, value any) Schema {
	content := Schema{"schema": schema}
	if choice, ok := value.(AnyOf); ok {
		examples := members{}
		for i, value := range choice {
			if hasExample(value) {
				examples.add(strconv.Itoa(i+1), Schema{"value": value})
			}
		}
		if len(examples) > 0 {
			content["examples"] = examples
			return content
		}
	}
	if hasExample(value) {
		content["example"] = withoutNulls(value)
	} else if learned := b.examples[reflect.TypeOf(value)]; learned != nil {
		content["example"] = withoutNulls(learned)
	} else if made, ok := b.sample(schema, maxProbed); ok {
		content["example"] = made
	}
	return content
}

// textOf are examples of the formats that rules ask for; nil is any text.
var textOf = map[any]string{nil: "text", "date": "2026-03-01", "uri": "https://example.com/"}

// sample makes a value that a schema allows. It knows the schemas that this package makes.
func (b *builder) sample(schema Schema, depth int) (value any, ok bool) {
	if depth == 0 { // the type contains itself
		return nil, false
	}
	if ref, isRef := schema["$ref"].(string); isRef {
		of, _ := b.components["schemas"][strings.TrimPrefix(ref, schemas)].(Schema)
		return b.sample(of, depth-1)
	}
	for _, keyword := range []string{"examples", "enum", "anyOf"} {
		if choices := reflect.ValueOf(schema[keyword]); choices.IsValid() && choices.Len() > 0 {
			choice := choices.Index(0).Interface()
			if of, isSchema := choice.(Schema); isSchema && keyword == "anyOf" {
				return b.sample(of, depth-1)
			}
			return choice, true
		}
	}
	switch schema["type"] {
	case "object":
		return b.sampleObject(schema, depth-1)
	case "array":
		items, _ := schema["items"].(Schema)
		item, ok := b.sample(items, depth-1)
		if !ok {
			return []any{}, schema["minItems"] == nil
		}
		return []any{item}, true
	case "string":
		text, known := textOf[schema["format"]]
		return text, known && (schema["pattern"] == nil || schema["pattern"] == visible)
	case "boolean":
		return true, true
	case "integer", "number":
		if low := schema["minimum"]; low != nil {
			return low, true
		}
		return 1, true
	}
	return nil, false
}

func (b *builder) sampleObject(schema Schema, depth int) (object members, ok bool) {
	properties, _ := schema["properties"].(members)
	for _, p := range properties {
		of, _ := p.value.(Schema)
		if value, ok := b.sample(of, depth); ok {
			object.add(p.name, value)
		}
	}
	required, _ := schema["required"].([]string)
	return object, !slices.ContainsFunc(required, func(name string) bool {
		return !slices.ContainsFunc(object, member{name: name}.isNamesake)
	})
}

// details are those of errors whose description is not what a client reads.
var details = map[int]string{
	http.StatusUnprocessableEntity: "The input is not valid.",
	http.StatusInternalServerError: "Something went wrong.",
}

// withExample is a response with an error as it would be answered with that detail, which is
// the description unless given.
func (b *builder) withExample(response Schema, status int, detail, instance string) Schema {
	p := rest.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Instance: instance,
	}
	if p.Detail == "" {
		p.Detail, _ = response["description"].(string)
	}
	if details[status] != "" {
		p.Detail = details[status]
	}
	if status == http.StatusUnprocessableEntity {
		p.Errors = []problem.FieldError{{Field: "email", Message: "must not be empty"}}
	}
	body, contentType := b.errors.Of(p)
	text, err := json.Marshal(body)
	if err != nil {
		b.fail(err)
	}
	content, _ := response["content"].(map[string]any)
	media, _ := content[contentType].(map[string]any)
	media, content, response = maps.Clone(media), maps.Clone(content), maps.Clone(response)
	media["example"] = json.RawMessage(text)
	content[contentType], response["content"] = media, content
	return response
}
