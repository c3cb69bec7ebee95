package docs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// row describes a value, a parameter, a header, or a field by its path: reviews[].author.
type row struct {
	Name, In, Type string
	Required       bool // of a client
	Optional       bool // in an answer
	Limits         []string
	Example        string
	Description    string
}

// Parts are the parts of the path, between which a line may break.
func (r row) Parts() []string { return strings.Split(r.Name, ".") }

// whole returns a schema with what a reference leads to, and what stands beside it.
func (d *document) whole(s *schema) schema {
	if s == nil {
		return schema{}
	}
	of := resolve(d.Components.Schemas, s.Ref, s)
	if of == s {
		return *s
	}
	all := d.whole(of)
	if s.Description != "" {
		all.Description = s.Description
	}
	all.Required = append(slices.Clone(all.Required), s.Required...)
	return all
}

// rows lists the fields of a value, or the value if it has none. Of what a client sends they tell
// which are required, of an answer which may be absent.
func (d *document) rows(s *schema, answered bool) []row {
	var rows []row
	d.add(&rows, "", s, answered, nil)
	for i := range rows {
		rows[i].Required, rows[i].Optional = rows[i].Required && !answered, !rows[i].Required && answered
	}
	if rows[0].Name == "" && len(rows) > 1 {
		rows = rows[1:] // only that it is an object
	}
	return rows
}

// add lists a value and its fields, within objects of those components.
func (d *document) add(rows *[]row, name string, s *schema, required bool, within []string) {
	inner, _ := d.notNull(s)
	of := d.whole(inner)
	*rows = append(*rows, row{
		Name: name, Type: d.typeOf(s), Required: required, Limits: limits(of),
		Description: cmp.Or(d.whole(s).Description, of.Description),
	})
	for ; of.Items != nil; of = d.whole(inner) {
		inner, name = of.Items, name+"[]"
	}
	if slices.Contains(within, inner.Ref) {
		return // it contains itself
	}
	if inner.Ref != "" {
		within = append(slices.Clone(within), inner.Ref)
	}
	for _, p := range of.Properties {
		d.add(rows, strings.TrimPrefix(name+"."+p.Name, "."), p.Schema, slices.Contains(of.Required, p.Name), within)
	}
}

// notNull returns the one schema that a value has, if it is not null.
func (d *document) notNull(s *schema) (inner *schema, orNull bool) {
	if s == nil {
		return &schema{}, false
	}
	if choices := d.whole(s).AnyOf; len(choices) == 2 && slices.Equal(d.whole(choices[1]).Type, types{"null"}) {
		return choices[0], true
	}
	return s, false
}

// typeOf names a type: "array of objects", "string (date) or null", "one of a, b".
func (d *document) typeOf(s *schema) string {
	inner, orNull := d.notNull(s)
	of := d.whole(inner)
	name := strings.Join(of.Type, " or ")
	switch {
	case len(of.Enum) > 0:
		name = "one of " + list(of.Enum)
	case of.Const != nil:
		name = "always " + plain(of.Const)
	case of.Items != nil:
		name = "array of " + plural(d.typeOf(of.Items))
	case len(of.AnyOf) > 0:
		var all []string
		for _, choice := range of.AnyOf {
			all = append(all, d.typeOf(choice))
		}
		name = strings.Join(all, " or ")
	case len(of.AdditionalProperties) > 0 && of.AdditionalProperties[0] == '{':
		var values schema
		if json.Unmarshal(of.AdditionalProperties, &values) == nil {
			name = "object of " + plural(d.typeOf(&values))
		}
	}
	if of.Format != "" {
		name += " (" + of.Format + ")"
	}
	if orNull {
		name += " or null"
	}
	return name
}

func plural(name string) string {
	word, rest, _ := strings.Cut(name, " ")
	if slices.Contains([]string{"string", "number", "integer", "object", "boolean"}, word) {
		return strings.TrimSpace(word + "s " + rest)
	}
	return name
}

const highest = "9223372036854775807" // of int64, which says nothing

func limits(s schema) (all []string) {
	add := func(format string, values ...any) { all = append(all, fmt.Sprintf(format, values...)) }
	between := func(unit string, low, high json.Number) {
		switch {
		case low != "" && high != "" && high != highest:
			add("%s to %s%s", low, high, unit)
		case low == "1" && unit != "":
			add("not empty")
		case low != "":
			add("at least %s%s", low, unit)
		case high != "":
			add("at most %s%s", high, unit)
		}
	}
	between("", s.Minimum, s.Maximum)
	between(" characters", s.MinLength, s.MaxLength)
	between(" items", s.MinItems, s.MaxItems)
	if s.ExclusiveMinimum != "" {
		add("above %s", s.ExclusiveMinimum)
	}
	if s.UniqueItems {
		add("each once")
	}
	switch s.Pattern {
	case "":
	case `\S`:
		add("not blank")
	default:
		add("matches `%s`", s.Pattern)
	}
	if s.Default != nil {
		add("default %s", plain(s.Default))
	}
	return all
}

func list(values []json.RawMessage) string {
	var all []string
	for _, value := range values {
		all = append(all, plain(value))
	}
	return strings.Join(all, ", ")
}

// plain is a value as a person writes it: a string without quotes, a list with commas.
func plain(value json.RawMessage) string {
	var text string
	var items []json.RawMessage
	switch {
	case string(value) == "null":
	case json.Unmarshal(value, &text) == nil:
		return text
	case json.Unmarshal(value, &items) == nil:
		return strings.ReplaceAll(list(items), ", ", ",")
	}
	return string(value)
}
