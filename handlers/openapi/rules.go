package openapi

import (
	"reflect"
	"strings"

	"example.com/prefab/services/problem"
)

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
