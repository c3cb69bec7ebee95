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

// fieldChecker compares a JSON document with the Go type that it is decoded into. It
// finds what encoding/json accepts silently: unknown fields, a field's name in another
// case, and a field given twice. And it finds every field of a wrong type, while
// encoding/json stops at the first. The content of a field of an interface type is not checked.
type fieldChecker struct {
	document []byte
	tokens   *json.Decoder
	wrong    []problem.FieldError
}

// wrongFields returns what is wrong with a document, which must be valid JSON.
func wrongFields(document []byte, of reflect.Type) []problem.FieldError {
	r := fieldChecker{document: document, tokens: json.NewDecoder(bytes.NewReader(document))}
	r.value(of, "")
	return r.wrong
}

func (r *fieldChecker) report(path, message string) {
	if len(r.wrong) < maxWrong {
		r.wrong = append(r.wrong, problem.FieldError{Field: strings.TrimPrefix(path, "."), Message: message})
	}
}

// value checks the next value of the document.
func (r *fieldChecker) value(of reflect.Type, path string) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	kind := of.Kind()
	if decodesItself(of) {
		kind = reflect.Invalid
	}
	switch next := bytes.TrimLeft(r.document[r.tokens.InputOffset():], " \t\r\n,:")[0]; {
	case next == '{' && (kind == reflect.Struct || kind == reflect.Map):
		_, _ = r.tokens.Token()
		r.members(of, path)
		_, _ = r.tokens.Token()
	case next == '[' && (kind == reflect.Slice || kind == reflect.Array):
		_, _ = r.tokens.Token()
		for i := 0; r.tokens.More(); i++ {
			r.value(of.Elem(), path+"."+strconv.Itoa(i))
		}
		_, _ = r.tokens.Token()
	default:
		var value json.RawMessage
		_ = r.tokens.Decode(&value)
		if json.Unmarshal(value, reflect.New(of).Interface()) != nil {
			r.report(path, wrongType(kind, of, value))
		}
	}
}

// members checks an object up to its end.
func (r *fieldChecker) members(of reflect.Type, path string) {
	var fields map[string]reflect.StructField
	if of.Kind() == reflect.Struct {
		fields = fieldsOf(of)
	}
	seen := make(map[string]bool)
	for r.tokens.More() {
		token, _ := r.tokens.Token()
		name, _ := token.(string)
		member, at := fields[name].Type, path+"."+shorten(name)
		if of.Kind() == reflect.Map {
			member = of.Elem()
		}
		if member == nil {
			r.report(at, "is not a known field")
			_ = r.tokens.Decode(new(json.RawMessage))
			continue
		}
		if seen[name] {
			r.report(at, "is given twice")
		}
		seen[name] = true
		r.value(member, at)
	}
}

// fieldsOf returns the struct's fields by their names in JSON.
func fieldsOf(of reflect.Type) map[string]reflect.StructField {
	fields := make(map[string]reflect.StructField)
	for _, f := range reflect.VisibleFields(of) {
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

// decodesItself reports whether the type has a decoder of its own, as time.Time has.
func decodesItself(of reflect.Type) bool {
	return reflect.PointerTo(of).Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		reflect.PointerTo(of).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func wrongType(kind reflect.Kind, of reflect.Type, value []byte) string {
	switch kind {
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
	case reflect.Invalid, reflect.Interface:
		return "cannot be read"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if _, err := strconv.ParseInt(string(value), 10, of.Bits()); errors.Is(err, strconv.ErrRange) {
			highest := int64(math.MaxInt64) >> (64 - of.Bits())
			return fmt.Sprintf("must be a whole number from %d to %d", -highest-1, highest)
		}
	}
	return "must be a whole number"
}
