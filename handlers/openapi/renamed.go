package openapi

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	"example.com/prefab/handlers/rest"
)

// Renamed is the type of Value, of which members have other names.
type Renamed struct {
	Value any
	Names map[string]string
}

func (b *builder) renamed(r Renamed) Schema {
	from := newBuilder(rest.ErrorFormat{}) // no errors there
	schema := b.rename(from.typeSchema(reflect.TypeOf(r.Value)), from, r.Names)
	var names []string
	for _, long := range slices.Sorted(maps.Keys(r.Names)) {
		names = append(names, r.Names[long]+" "+long)
	}
	schema["description"] = "With short names of members: " + strings.Join(names, ", ") + "."
	b.fail(from.err)
	return schema
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
