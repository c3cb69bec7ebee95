package handlers

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"example.com/prefab/services/problem"
)

// What is wrong comes back to its sender, but not a body full of it.
const (
	maxEchoed = 100 // bytes of a name
	maxWrong  = 10  // fields
)

// echoed is a name that a client sent, short enough to send back.
func echoed(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), maxEchoed)], "") // the cut may split a character
}

// fieldReader goes through a JSON document beside the Go type that it is for, and
// notes what encoding/json would pass over: unknown fields, and those whose case is
// another, a field given twice, and unpaired surrogates. It names every field of a wrong
// type, where encoding/json names the first.
type fieldReader struct {
	document []byte
	tokens   *json.Decoder
	wrong    []problem.FieldError
}

// wrongFields returns what is wrong with a document, which must be valid JSON.
func wrongFields(document []byte, of reflect.Type) []problem.FieldError {
	r := fieldReader{document: document, tokens: json.NewDecoder(bytes.NewReader(document))}
	r.tokens.UseNumber() // else a number that is too large for a float64 is an error
	r.value(of, "")
	return r.wrong
}

func (r *fieldReader) fault(path, message string) {
	if len(r.wrong) < maxWrong {
		r.wrong = append(r.wrong, problem.FieldError{Field: strings.TrimPrefix(path, "."), Message: message})
	}
}

// value reads the next value of the document.
func (r *fieldReader) value(of reflect.Type, path string) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	next := bytes.TrimLeft(r.document[r.tokens.InputOffset():], " \t\r\n,:")[0]
	kind := of.Kind()
	if readsItself(of) {
		kind = reflect.Invalid
	}
	switch {
	case next == '{' && (kind == reflect.Struct || kind == reflect.Map || kind == reflect.Interface):
		_, _ = r.tokens.Token()
		r.members(of, path)
		_, _ = r.tokens.Token()
	case next == '[' && (kind == reflect.Slice || kind == reflect.Array || kind == reflect.Interface):
		_, _ = r.tokens.Token()
		for i := 0; r.tokens.More(); i++ {
			if kind == reflect.Interface {
				r.value(of, path) // a path into a document of any depth has no bound
			} else {
				r.value(of.Elem(), path+"."+strconv.Itoa(i))
			}
		}
		_, _ = r.tokens.Token()
	default:
		var value json.RawMessage
		_ = r.tokens.Decode(&value)
		if hasLoneSurrogate(value) {
			r.fault(path, "must not contain half of a surrogate pair")
		} else if json.Unmarshal(value, reflect.New(of).Interface()) != nil {
			r.fault(path, wrongType(kind, of, value))
		}
	}
}

// members reads an object up to its end.
func (r *fieldReader) members(of reflect.Type, path string) {
	typeOf := func(string) reflect.Type { return of }
	switch of.Kind() {
	case reflect.Map:
		typeOf = func(string) reflect.Type { return of.Elem() }
	case reflect.Struct:
		known := fieldTypes(of)
		typeOf = func(name string) reflect.Type { return known[name] }
	}
	seen := make(map[string]bool)
	for r.tokens.More() {
		token, _ := r.tokens.Token()
		name, _ := token.(string)
		at, member := path+"."+echoed(name), typeOf(name)
		if member == nil {
			r.fault(at, "is not a known field")
			_ = r.tokens.Decode(new(json.RawMessage))
			continue
		}
		if seen[name] {
			r.fault(at, "is given twice")
		}
		seen[name] = true
		if of.Kind() == reflect.Interface {
			at = path
		}
		r.value(member, at)
	}
}

// knownTypes holds what fieldTypes has returned: reflection is slow.
var knownTypes sync.Map

// fieldTypes returns the struct's fields by their names in JSON.
func fieldTypes(of reflect.Type) map[string]reflect.Type {
	if known, ok := knownTypes.Load(of); ok {
		return known.(map[string]reflect.Type)
	}
	types := make(map[string]reflect.Type)
	for _, field := range reflect.VisibleFields(of) {
		tag := field.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if !field.IsExported() || tag == "-" || field.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = field.Name
		}
		types[name] = field.Type
		if slices.Contains(strings.Split(options, ","), "string") {
			types[name] = reflect.TypeFor[any]() // it is a text in JSON
		}
	}
	knownTypes.Store(of, types)
	return types
}

// readsItself reports whether the type has a decoder of its own, as time.Time has.
func readsItself(of reflect.Type) bool {
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
			most := int64(math.MaxInt64) >> (64 - of.Bits())
			return fmt.Sprintf("must be a whole number from %d to %d", -most-1, most)
		}
	}
	return "must be a whole number"
}

// surrogates finds the escapes of a JSON text; its group is half of a pair, which
// encoding/json would make U+FFFD.
var surrogates = regexp.MustCompile(`\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F])|.)`)

func hasLoneSurrogate(value []byte) bool {
	for {
		found := surrogates.FindSubmatchIndex(value)
		if found == nil || found[2] >= 0 {
			return found != nil
		}
		value = value[found[1]:]
	}
}
