package openapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/prefab/services/problem"
)

const schemas = "#/components/schemas/"

// members is a JSON object whose members keep their order.
type members []member

type member struct {
	name  string
	value any
}

func (m *members) add(name string, value any) { *m = append(*m, member{name, value}) }

// MarshalJSON writes the object.
func (m members) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	separator := "{"
	for _, member := range m {
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
	types      map[string]reflect.Type               // of the schemas that are made of types
	rules      map[string]map[string][]problem.Limit // by the name of a row's type, then by field
	err        error
}

func newBuilder() *builder {
	b := &builder{
		components: make(map[string]Schema), types: make(map[string]reflect.Type),
		rules: make(map[string]map[string][]problem.Limit),
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

// schema describes a value's type.
func (b *builder) schema(value any) Schema {
	switch value := value.(type) {
	case nil:
		b.fail(errors.New("there is no type to describe"))
		return Schema{}
	case Schema:
		return b.resolve(value)
	case AnyOf:
		var all []Schema
		for _, choice := range value {
			all = append(all, b.schema(choice))
		}
		return Schema{"anyOf": all}
	case Renamed:
		from := newBuilder()
		schema := b.rename(from.typeSchema(reflect.TypeOf(value.Value)), from, value.Names)
		var names []string
		for _, long := range slices.Sorted(maps.Keys(value.Names)) {
			names = append(names, value.Names[long]+" "+long)
		}
		schema["description"] = "With short names of members: " + strings.Join(names, ", ") + "."
		return schema
	}
	return b.typeSchema(reflect.TypeOf(value))
}

// rename copies a schema of another builder, whose types it puts in place of references.
func (b *builder) rename(schema Schema, from *builder, names map[string]string) Schema {
	short := func(name string) string { return cmp.Or(names[name], name) }
	if ref, ok := schema["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, schemas)
		if from.types[name] == nil {
			return b.ref("schemas", name)
		}
		schema, _ = from.components["schemas"][name].(Schema)
	}
	renamed := maps.Clone(schema)
	delete(renamed, "description")
	if items, ok := schema["items"].(Schema); ok {
		renamed["items"] = b.rename(items, from, names)
	}
	if properties, ok := schema["properties"].(members); ok {
		all, required := members{}, []string{}
		for _, p := range properties {
			property, _ := p.value.(Schema)
			all.add(short(p.name), b.rename(property, from, names))
		}
		given, _ := schema["required"].([]string)
		for _, name := range given {
			required = append(required, short(name))
		}
		renamed["properties"], renamed["required"] = all, required
	}
	return renamed
}

func (b *builder) typeSchema(t reflect.Type) Schema {
	switch t.Kind() {
	case reflect.Pointer:
		return b.typeSchema(t.Elem())
	case reflect.String:
		return Schema{"type": "string"}
	case reflect.Bool:
		return Schema{"type": "boolean"}
	case reflect.Int64:
		return Schema{"type": "integer", "format": "int64"}
	case reflect.Int, reflect.Int32:
		return Schema{"type": "integer"}
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		return Schema{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return Schema{"type": "number"}
	case reflect.Slice:
		return Schema{"type": "array", "items": b.typeSchema(t.Elem())}
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return b.ref("schemas", "Time")
		}
		return b.structSchema(t)
	}
	b.fail(fmt.Errorf("the type %s cannot be described; give a Schema", t))
	return Schema{}
}

// structSchema describes a struct. One with an exported name is a component.
func (b *builder) structSchema(t reflect.Type) Schema {
	name := t.Name()
	if name == "" || strings.ToLower(name[:1]) == name[:1] {
		return b.object(t)
	}
	return b.named(name, t, func() Schema { return b.object(t) })
}

func (b *builder) named(name string, t reflect.Type, describe func() Schema) Schema {
	other, taken := b.types[name]
	if _, shared := b.shared["schemas"][name]; shared || taken && other != t {
		pkg := path.Base(t.PkgPath())
		name = strings.ToUpper(pkg[:1]) + pkg[1:] + name
		_, taken = b.types[name]
	}
	ref := Schema{"$ref": schemas + name}
	if taken {
		return ref
	}
	b.types[name] = t
	schema := describe()
	if b.components["schemas"] == nil {
		b.components["schemas"] = Schema{}
	}
	b.components["schemas"][name] = schema
	return ref
}

func (b *builder) object(t reflect.Type) Schema {
	properties, required := members{}, []string{}
	schema := Schema{"type": "object", "additionalProperties": false}
	limits := b.rules[t.PkgPath()+"."+t.Name()]
	own := rulesOf(t)
	if own != nil {
		limits = own
	}
	b.fields(t, func(f reflect.StructField, name string, optional bool) {
		properties.add(name, b.property(f, name, limits[name], own == nil && !optional))
		if own == nil && !optional || slices.ContainsFunc(own[name], isRequire) {
			required = append(required, name)
		}
	}, func(group []string) {
		if len(group) > 1 { // the fields of an embedded pointer are there together
			schema["dependentRequired"] = Schema{group[0]: group[1:]}
		}
	})
	schema["properties"] = properties
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

func isRequire(l problem.Limit) bool { return l.Rule == "Require" }

// patch describes the fields of a merge patch: none is required, and null removes some.
func (b *builder) patch(value any, removable []string) Schema {
	t := reflect.TypeOf(value)
	limits := rulesOf(t)
	return b.named(strings.TrimSuffix(t.Name(), "Fields")+"Patch", t, func() Schema {
		properties := members{}
		b.fields(t, func(f reflect.StructField, name string, _ bool) {
			property := b.property(f, name, limits[name], false)
			if slices.Contains(removable, name) {
				property = Schema{"anyOf": []Schema{property, {"type": "null"}}}
			}
			properties.add(name, property)
		}, nil)
		return Schema{"type": "object", "additionalProperties": false, "properties": properties}
	})
}

// fields calls each for the fields of a struct as encoding/json writes them. Embedded gets
// the names of those that an embedded pointer brings, if it is there.
func (b *builder) fields(
	t reflect.Type, each func(f reflect.StructField, name string, optional bool), embedded func([]string),
) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Pointer:
			var group []string
			b.fields(f.Type.Elem(), func(f reflect.StructField, name string, optional bool) {
				if !optional {
					group = append(group, name)
				}
				each(f, name, true)
			}, embedded)
			embedded(group)
		case f.Anonymous && name == "":
			b.fields(f.Type, each, embedded)
		case !f.IsExported() || name == "-" || f.Tag.Get("doc") == "-":
		default:
			if name == "" {
				name = f.Name
			}
			each(f, name, strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero"))
		}
	}
}

// property describes a field by its type, its tags and the rules.
func (b *builder) property(f reflect.StructField, name string, limits []problem.Limit, nullable bool) Schema {
	var schema Schema
	of := f.Type
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	switch {
	case of.Kind() == reflect.Int64 && (name == "id" || strings.HasSuffix(name, "Id")):
		schema = b.ref("schemas", "ID")
	case name == "nextCursor":
		schema = b.ref("schemas", "Cursor")
	default:
		schema = b.typeSchema(f.Type)
	}
	for tag, keyword := range map[string]string{"doc": "description", "format": "format"} {
		if text := f.Tag.Get(tag); text != "" {
			schema[keyword] = text
		}
	}
	for keyword := range strings.FieldsSeq("minimum maximum exclusiveMinimum minLength maxLength minItems maxItems") {
		if text := f.Tag.Get(keyword); text != "" {
			number, err := strconv.ParseFloat(text, 64)
			if err != nil {
				b.fail(fmt.Errorf("%s of %s: %w", keyword, name, err))
			}
			schema[keyword] = number
		}
	}
	if f.Tag.Get("uniqueItems") == "true" {
		schema["uniqueItems"] = true
	}
	if text := f.Tag.Get("enum"); text != "" {
		choice := Schema{"enum": strings.Split(text, ",")}
		if f.Type.Kind() == reflect.Slice {
			schema["items"] = choice
		} else {
			schema["enum"] = choice["enum"]
		}
	}
	for _, l := range limits {
		limit(schema, l)
	}
	if nullable && f.Type.Kind() == reflect.Pointer {
		return Schema{"anyOf": []Schema{schema, {"type": "null"}}}
	}
	return schema
}

// limit adds what a rule wants.
func limit(schema Schema, l problem.Limit) {
	switch l.Rule {
	case "Text":
		schema["maxLength"] = l.High
		if l.Low > 0 {
			schema["minLength"] = l.Low
			schema["pattern"] = `\S`
		}
	case "Line":
		description, _ := schema["description"].(string)
		schema["description"] = strings.TrimSpace(description + " One line.")
	case "Between":
		schema["minimum"], schema["maximum"] = l.Low, l.High
	case "OneOf":
		schema["enum"] = l.OneOf
	case "Date":
		schema["format"] = "date"
	case "URL":
		schema["format"] = "uri"
	}
}

type ruled interface{ Rules(*problem.Rules) }

// rulesOf returns what a type's rules want of each field. They are asked with every field
// given, and none zero, which may mean that it is removed.
func rulesOf(t reflect.Type) map[string][]problem.Limit {
	if !t.Implements(reflect.TypeFor[ruled]()) {
		return nil
	}
	probe := reflect.New(t).Elem()
	for i := range t.NumField() {
		if field := probe.Field(i); field.Kind() == reflect.Pointer && field.CanSet() {
			field.Set(reflect.New(field.Type().Elem()))
			switch value := field.Elem(); {
			case value.CanInt():
				value.SetInt(1)
			case value.Kind() == reflect.String:
				value.SetString("x")
			}
		}
	}
	r, _ := reflect.TypeAssert[ruled](probe)
	byField := make(map[string][]problem.Limit)
	for _, l := range problem.Limits(r.Rules) {
		byField[l.Field] = append(byField[l.Field], l)
	}
	return byField
}

// learnRules keeps the rules of a body for its row: those of LampFields for Lamp.
func (b *builder) learnRules(body any) {
	t := reflect.TypeOf(body)
	if t == nil || t.Kind() != reflect.Struct {
		return
	}
	if row, ok := strings.CutSuffix(t.Name(), "Fields"); ok && row != "" {
		b.rules[t.PkgPath()+"."+row] = rulesOf(t)
	}
}

// withoutNulls is an example of which what is not given is left out.
func withoutNulls(value any) any {
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Struct {
		return value
	}
	if _, ok := value.(ruled); !ok {
		return value
	}
	given := members{}
	for i := range v.NumField() {
		if field := v.Field(i); field.Kind() != reflect.Pointer || !field.IsNil() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			given.add(name, field.Interface())
		}
	}
	return given
}
