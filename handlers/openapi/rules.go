package openapi

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"example.com/prefab/services/problem"
)

const visible = `\S` // the pattern of texts that are not blank

// limit adds what a rule wants.
func limit(schema Schema, l problem.Limit) {
	switch l.Rule {
	case "Text":
		schema["maxLength"] = l.High
		if l.Low > 0 {
			schema["minLength"] = l.Low
			schema["pattern"] = visible
		}
	case "Line":
		description, _ := schema["description"].(string)
		schema["description"] = strings.TrimSpace(description + " One line.")
	case "Between":
		schema["minimum"], schema["maximum"] = l.Low, l.High
	case "Count":
		schema["minItems"], schema["maxItems"] = l.Low, l.High
	case "OneOf":
		schema["enum"] = l.OneOf
	case "Date":
		schema["format"] = "date"
	case "URL":
		schema["format"] = "uri"
	}
}

type ruled interface{ Rules(*problem.Rules) }

// rules are what the rules of a type want of each field, by its path: "" is the value itself,
// "[]" an item of a list.
type rules map[string][]problem.Limit

// at returns the rules of what is in a field.
func (r rules) at(field string) rules {
	inside := rules{}
	for path, limits := range r {
		rest, ok := strings.CutPrefix(path, field)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			inside[strings.TrimPrefix(rest, ".")] = limits
		}
	}
	return inside
}

func (r rules) requires(field string) bool {
	return slices.ContainsFunc(r[field], func(l problem.Limit) bool { return l.Rule == "Require" })
}

// nested reports whether there are rules of fields or items.
func (r rules) nested() bool {
	_, own := r[""]
	return len(r) > 1 || len(r) == 1 && !own
}

// areThoseOf reports whether a type's own rules want the same of its fields. Of a type that
// contains itself they reach deeper, which does not count.
func (r rules) areThoseOf(t reflect.Type) bool {
	own := rulesOf(t)
	same := func(one, other problem.Limit) bool {
		one.Field, other.Field = "", "" // they begin with the owner's field
		return reflect.DeepEqual(one, other)
	}
	for path, limits := range r {
		if path != "" && !slices.EqualFunc(limits, own[path], same) {
			return false
		}
	}
	for path := range own {
		if _, wanted := r[path]; !wanted && !strings.ContainsAny(path, ".[") {
			return false
		}
	}
	return own != nil
}

// rulesOf returns what a type's rules want, or nil without any. They are asked with every
// field given, one item in each list, and no value zero, which may mean that it is removed.
func rulesOf(t reflect.Type) rules {
	if !t.Implements(reflect.TypeFor[ruled]()) {
		return nil
	}
	probe := reflect.New(t).Elem()
	give(probe, maxProbed)
	r, _ := reflect.TypeAssert[ruled](probe)
	byField := rules{}
	for _, l := range problem.Limits(r.Rules) {
		byField[l.Field] = append(byField[l.Field], l)
	}
	return byField
}

const maxProbed = 8 // objects and lists in each other; a type may contain itself

func give(value reflect.Value, depth int) {
	switch {
	case !value.CanSet() || depth == 0:
	case value.Kind() == reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		give(value.Elem(), depth)
	case value.Kind() == reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		give(value.Index(0), depth-1)
	case value.Kind() == reflect.Struct:
		for _, field := range value.Fields() {
			give(field, depth-1)
		}
	case value.CanInt():
		value.SetInt(1)
	case value.Kind() == reflect.String:
		value.SetString("x")
	}
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
	if _, ok := value.(ruled); !ok {
		return value
	}
	return given(reflect.ValueOf(value))
}

func given(v reflect.Value) any {
	_, writesItself := reflect.TypeAssert[json.Marshaler](v)
	switch {
	case writesItself:
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return given(v.Elem())
	case v.Kind() == reflect.Slice && !v.IsNil():
		items := make([]any, v.Len())
		for i := range items {
			items[i] = given(v.Index(i))
		}
		return items
	case v.Kind() == reflect.Struct:
		object := members{}
		for i := range v.NumField() {
			field, f := v.Field(i), v.Type().Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			absent := (field.Kind() == reflect.Pointer || field.Kind() == reflect.Slice) && field.IsNil()
			if !f.IsExported() || name == "-" || absent {
				continue
			}
			value := given(field)
			if embedded, ok := value.(members); ok && f.Anonymous && name == "" {
				object = append(object, embedded...)
				continue
			}
			object.add(cmp.Or(name, f.Name), value)
		}
		return object
	}
	return v.Interface()
}
