package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
)

// document is what the page shows of an OpenAPI document.
type document struct {
	Info struct{ Title, Summary, Description string }
	Tags []struct{ Name, Description string }

	Paths      map[string]pathItem
	Components struct {
		Schemas         map[string]*schema
		Responses       map[string]*response
		Headers         map[string]*header
		Parameters      map[string]*parameter
		SecuritySchemes map[string]scheme
	}
}

type pathItem struct{ Get, Post, Put, Patch, Delete *operation }

// operations are those that there are, by method.
func (p pathItem) operations() iter.Seq2[string, *operation] {
	return func(yield func(string, *operation) bool) {
		for i, op := range []*operation{p.Get, p.Post, p.Put, p.Patch, p.Delete} {
			if op != nil && !yield([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}[i], op) {
				return
			}
		}
	}
}

type operation struct {
	OperationID          string
	Tags                 []string
	Summary, Description string
	Security             []map[string][]string
	Parameters           []*parameter
	RequestBody          struct{ Content map[string]media }
	Responses            map[string]*response
}

type parameter struct {
	Ref                   string `json:"$ref"`
	Name, In, Description string
	Required              bool
	Schema                *schema
	Example               json.RawMessage
}

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Headers     map[string]*header
	Content     map[string]media
}

type header struct {
	Ref         string `json:"$ref"`
	Description string
	Required    bool
	Schema      *schema
	Example     json.RawMessage
}

type media struct {
	Schema   *schema
	Example  json.RawMessage
	Examples map[string]struct{ Value json.RawMessage }
}

type scheme struct{ Type, In, Name, Scheme, Description string }

// resolve returns what a reference to a component leads to, or else the value itself.
func resolve[T any](components map[string]*T, ref string, value *T) *T {
	if of := components[nameOf(ref)]; ref != "" && of != nil {
		return of
	}
	return value
}

func nameOf(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// schema is a JSON Schema.
type schema struct {
	Ref                          string `json:"$ref"`
	Type                         types
	Format, Description, Pattern string

	Enum, Examples []json.RawMessage
	Const, Default json.RawMessage

	Minimum, Maximum, ExclusiveMinimum       json.Number
	MinLength, MaxLength, MinItems, MaxItems json.Number
	UniqueItems                              bool

	Items                *schema
	Properties           properties
	Required             []string
	AnyOf                []*schema
	AdditionalProperties json.RawMessage
}

// types are one name or several.
type types []string

// UnmarshalJSON reads them.
func (t *types) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(t))
	}
	*t = types{""}
	return json.Unmarshal(text, &(*t)[0])
}

// properties keep the order of the document.
type properties []property

type property struct {
	Name   string
	Schema *schema
}

// UnmarshalJSON reads an object.
func (p *properties) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		of := property{Name: fmt.Sprint(name)}
		if err := decoder.Decode(&of.Schema); err != nil {
			return err
		}
		*p = append(*p, of)
	}
	return nil
}
