package rest

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"example.com/prefab/services/problem"
)

// Limits of what an error repeats of the input.
const (
	maxNameEchoed = 100 // bytes
	maxWrong      = 10  // fields
)

// shorten returns a name that a client sent, short enough to send back.
func shorten(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), maxNameEchoed)], "") // the cut may split a character
}

// wrongFields compares a JSON object, which must be valid, with the struct that it is decoded
// into. It finds what encoding/json accepts silently: unknown fields, a field's name in another
// case, and a field given twice. And it finds every field of a wrong type, while encoding/json
// stops at the first. Within a field that is itself an object, encoding/json alone decides.
func wrongFields(object []byte, of reflect.Type) (wrong []problem.FieldError) {
	fields, seen := fieldsOf(of), make(map[string]bool)
	tokens := json.NewDecoder(bytes.NewReader(object))
	_, _ = tokens.Token() // the brace
	for tokens.More() && len(wrong) < maxWrong {
		token, _ := tokens.Token()
		name, _ := token.(string)
		var value json.RawMessage
		_ = tokens.Decode(&value)
		field, known := fields[name]
		var inside, message string
		switch {
		case !known:
			message = "is not a known field"
		case seen[name]:
			message = "is given twice"
		default:
			inside, message = wrongValue(value, field.Type)
		}
		seen[name] = true
		if message != "" {
			wrong = append(wrong, problem.FieldError{Field: shorten(name) + inside, Message: message})
		}
	}
	return wrong
}

// wrongValue returns where in the value it is not of the type, and what it should be. The
// message is empty if all is right.
func wrongValue(value []byte, of reflect.Type) (inside, message string) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(reflect.New(of).Interface())
	if err == nil {
		return "", ""
	}
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok || wrong.Type.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "", "cannot be read, or has an unknown field"
	}
	if wrong.Field != "" {
		inside = "." + wrong.Field
	}
	return inside, wrongType(wrong.Type, strings.TrimPrefix(wrong.Value, "number "))
}

func wrongType(of reflect.Type, value string) string {
	switch of.Kind() {
	case reflect.String:
		return "must be a text"
	case reflect.Bool:
		return "must be true or false"
	case reflect.Float32, reflect.Float64:
		return "must be a number"
	case reflect.Slice, reflect.Array:
		return "must be a list"
	case reflect.Struct, reflect.Map:
		return "must be an object"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if _, err := strconv.ParseInt(value, 10, of.Bits()); errors.Is(err, strconv.ErrRange) {
			highest := int64(math.MaxInt64) >> (64 - of.Bits())
			return fmt.Sprintf("must be a whole number from %d to %d", -highest-1, highest)
		}
	}
	return "must be a whole number"
}

// fieldsOf returns the fields of the struct that a pointer leads to, by their names in JSON.
func fieldsOf(of reflect.Type) map[string]reflect.StructField {
	fields := make(map[string]reflect.StructField)
	for _, f := range reflect.VisibleFields(of.Elem()) {
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if !f.IsExported() || tag == "-" || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if strings.Contains(options, "string") {
			f.Type = reflect.TypeFor[any]() // a text in JSON, which the final decoding checks
		}
		fields[name] = f
	}
	return fields
}
