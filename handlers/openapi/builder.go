package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"example.com/prefab/handlers/rest"
)

const schemas = "#/components/schemas/"

// members is a JSON object whose members keep their order.
type members []member

type member struct {
	name  string
	value any
}

func (m member) isNamesake(other member) bool { return m.name == other.name }

func (m *members) add(name string, value any) { *m = append(*m, member{name, value}) }

// MarshalJSON writes the object. A name that stands twice is an error, since readers would
// take one of the two.
func (m members) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	separator := "{"
	for i, member := range m {
		if slices.ContainsFunc(m[:i], member.isNamesake) {
			return nil, fmt.Errorf("%s: it stands twice", member.name)
		}
		value, err := json.Marshal(member.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", member.name, err)
		}
		fmt.Fprintf(&b, "%s%q:%s", separator, member.name, value)
		separator = ","
	}
	if len(m) == 0 {
		b.WriteString("{")
	}
	b.WriteString("}")
	return b.Bytes(), nil
}

// builder collects what operations use.
type builder struct {
	shared     map[string]map[string]Schema
	components map[string]Schema
	types      map[string]reflect.Type // of the schemas that are made of types
	rules      map[string]rules        // by the name of a row's type
	examples   map[reflect.Type]any    // by operations, for others
	errors     rest.ErrorFormat        // Document.Errors
	tokens     bool                    // Document.Tokens
	pageParams []Param
	err        error
}

func newBuilder(errors rest.ErrorFormat) *builder {
	b := &builder{
		components: make(map[string]Schema), types: make(map[string]reflect.Type),
		rules: make(map[string]rules), examples: make(map[reflect.Type]any), errors: errors,
	}
	b.readShared()
	return b
}

func (b *builder) fail(err error) { b.err = errors.Join(b.err, err) }

// ref returns a reference to a shared component, which it adds.
func (b *builder) ref(kind, name string) Schema {
	ref := Schema{"$ref": "#/components/" + kind + "/" + name}
	if b.components[kind] == nil {
		b.components[kind] = Schema{}
	}
	if b.components[kind][name] != nil {
		return ref
	}
	component, ok := b.shared[kind][name]
	if !ok {
		b.fail(fmt.Errorf("there are no %s %s", kind, name))
	}
	b.components[kind][name] = component // before what it refers to, which may be itself
	b.components[kind][name] = b.resolve(component)
	return ref
}

// resolve describes the values of Go types within a schema that is written by hand, and
// adds what that refers to.
func (b *builder) resolve(schema Schema) Schema {
	resolved := make(Schema, len(schema))
	for name, value := range schema {
		resolved[name] = b.resolveValue(name, value)
	}
	return resolved
}

func (b *builder) resolveValue(name string, value any) any {
	switch value := value.(type) {
	case Schema:
		return b.resolve(value)
	case map[string]any:
		return b.resolve(value)
	case members:
		resolved := members{}
		for _, m := range value {
			resolved.add(m.name, b.resolveValue("", m.value))
		}
		return resolved
	case string:
		if name == "$ref" {
			if kind, component, ok := strings.Cut(strings.TrimPrefix(value, "#/components/"), "/"); ok {
				b.ref(kind, component)
			}
		}
		return value
	}
	if t := reflect.TypeOf(value); t != nil && t.Kind() == reflect.Struct {
		return b.typeSchema(t)
	}
	return value
}
