package handlers

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"example.com/prefab/services"
)

// Unknown fields come back to their sender, but not a body full of them.
const (
	maxEchoed  = 100 // bytes of a name
	maxUnknown = 10
)

// unknownNames finds the members of a JSON value, at any depth, that the Go type
// does not have by just that name: encoding/json, left to itself, would take
// "NAME" for "name". What is of the wrong type is left for the decoder to tell.
func unknownNames(value json.RawMessage, of reflect.Type, path string) []services.FieldError {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if reflect.PointerTo(of).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil // it reads itself, as time.Time does
	}
	var unknown []services.FieldError
	switch of.Kind() {
	case reflect.Struct:
		var members map[string]json.RawMessage
		_ = json.Unmarshal(value, &members)
		known := fieldTypes(of)
		for name, member := range members {
			if field, ok := known[name]; ok {
				unknown = append(unknown, unknownNames(member, field, path+name+".")...)
				continue
			}
			name = strings.ToValidUTF8(name[:min(len(name), maxEchoed)], "") // the cut may split a character
			unknown = append(unknown, services.FieldError{Field: path + name, Message: "is not a known field"})
		}
	case reflect.Slice, reflect.Array:
		var items []json.RawMessage
		_ = json.Unmarshal(value, &items)
		for i, item := range items {
			unknown = append(unknown, unknownNames(item, of.Elem(), path+strconv.Itoa(i)+".")...)
		}
	}
	return unknown
}

// fieldTypes returns the struct's fields by their names in JSON.
func fieldTypes(of reflect.Type) map[string]reflect.Type {
	types := make(map[string]reflect.Type)
	for _, field := range reflect.VisibleFields(of) {
		tag := field.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		switch {
		case !field.IsExported() || tag == "-" || field.Anonymous && name == "":
		case name == "":
			types[field.Name] = field.Type
		default:
			types[name] = field.Type
		}
	}
	return types
}
