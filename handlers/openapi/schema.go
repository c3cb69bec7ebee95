package openapi

import (
	"errors"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
		return b.renamed(value)
	}
	return b.typeSchema(reflect.TypeOf(value))
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
	case reflect.Map:
		return Schema{"type": "object", "additionalProperties": b.typeSchema(t.Elem())}
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
	if own := rulesOf(t); own != nil {
		return b.objectOf(t, own, written)
	}
	return b.objectOf(t, b.rules[t.PkgPath()+"."+t.Name()], answered)
}

// use is what an object is for.
type use int

const (
	answered use = iota // by the service, with all fields but those that may be left out
	written             // by a client, with those that the rules require
	changed             // in a merge patch, with any
)

// objectOf describes a struct with the rules of its fields.
func (b *builder) objectOf(t reflect.Type, limits rules, as use) Schema {
	properties, required := members{}, []string{}
	schema := Schema{"type": "object", "additionalProperties": false}
	b.fields(t, func(f reflect.StructField, name string, optional bool) {
		always := as == answered && !optional
		properties.add(name, b.property(f, name, limits.at(name), as, always))
		if always || as == written && limits.requires(name) {
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

// nested describes a type by what the rules of its owner want of its fields or items.
func (b *builder) nested(t reflect.Type, limits rules, as use) Schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case !limits.nested() || as != changed && limits.areThoseOf(t):
		return b.typeSchema(t)
	case t.Kind() == reflect.Slice:
		if as == changed {
			as = written // as a whole
		}
		of := limits.at("[]")
		item := b.nested(t.Elem(), of, as)
		for _, l := range of[""] {
			limit(item, l)
		}
		return Schema{"type": "array", "items": item}
	case t.Kind() == reflect.Struct:
		return b.objectOf(t, limits, as)
	}
	return b.typeSchema(t)
}

// patch describes the fields of a merge patch: none is required, and null removes some.
func (b *builder) patch(value any, removable []string) Schema {
	t := reflect.TypeOf(value)
	limits := rulesOf(t)
	return b.named(strings.TrimSuffix(t.Name(), "Fields")+"Patch", t, func() Schema {
		properties := members{}
		b.fields(t, func(f reflect.StructField, name string, _ bool) {
			property := b.property(f, name, limits.at(name), changed, false)
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
func (b *builder) property(f reflect.StructField, name string, limits rules, as use, nullable bool) Schema {
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
		schema = b.nested(f.Type, limits, as)
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
	for _, l := range limits[""] {
		limit(schema, l)
	}
	if nullable && f.Type.Kind() == reflect.Pointer {
		return Schema{"anyOf": []Schema{schema, {"type": "null"}}}
	}
	return schema
}
