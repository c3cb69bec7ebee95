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
	maxPathEchoed = 300
	maxWrong      = 10 // fields
	maxDepth      = 32 // of objects and lists in each other
)

// shorten returns a name that a client sent, short enough to send back.
func shorten(name string, limit int) string {
	return strings.ToValidUTF8(name[:min(len(name), limit)], "") // the cut may split a character
}

// comparison compares JSON, which must be valid, with the type that it is decoded into. It
// finds what encoding/json accepts silently: unknown fields, a field's name in another case,
// a field given twice, and null in a list. And it finds every value of a wrong type, while
// encoding/json stops at the first. It names the fields by their paths, as items[2].quantity.
type comparison struct {
	patch bool // null removes, which only fields of the outermost object may be
	wrong []problem.FieldError
}

// wrongFields compares an object with a struct.
func wrongFields(object []byte, of reflect.Type, patch bool) []problem.FieldError {
	c := comparison{patch: patch}
	c.object(object, of, "", 1)
	return c.wrong
}

func (c *comparison) full() bool { return len(c.wrong) == maxWrong }

func (c *comparison) add(at, message string) {
	if message != "" && !c.full() {
		c.wrong = append(c.wrong, problem.FieldError{Field: shorten(at, maxPathEchoed), Message: message})
	}
}

// object compares the members of an object with the fields of a struct, or with the values
// of a map.
func (c *comparison) object(object []byte, of reflect.Type, at string, depth int) {
	var fields map[string]reflect.StructField // nil of a map
	if of.Kind() == reflect.Struct {
		fields = fieldsOf(of)
	}
	seen := make(map[string]bool)
	tokens := json.NewDecoder(bytes.NewReader(object))
	_, _ = tokens.Token() // the brace
	for tokens.More() && !c.full() {
		token, _ := tokens.Token()
		name, _ := token.(string)
		var value json.RawMessage
		_ = tokens.Decode(&value)
		path := shorten(name, maxNameEchoed)
		if at != "" {
			path = at + "." + path
		}
		field, known := fields[name]
		switch {
		case !known && fields != nil:
			c.add(path, "is not a known field")
		case seen[name]:
			c.add(path, "is given twice")
		case c.patch && at != "" && string(value) == "null":
			c.add(path, "cannot be removed")
		case fields == nil:
			c.value(value, of.Elem(), path, depth)
		default:
			c.value(value, field.Type, path, depth)
		}
		seen[name] = true
	}
}

// list compares the items of a list. A patch replaces it as a whole: null in there is no patch's.
func (c *comparison) list(list []byte, of reflect.Type, at string, depth int) {
	defer func(patch bool) { c.patch = patch }(c.patch)
	c.patch = false
	items := json.NewDecoder(bytes.NewReader(list))
	_, _ = items.Token() // the bracket
	for i := 0; items.More() && !c.full(); i++ {
		var item json.RawMessage
		_ = items.Decode(&item)
		path := fmt.Sprintf("%s[%d]", at, i)
		if string(item) == "null" && of.Kind() != reflect.Pointer && of.Kind() != reflect.Interface {
			c.add(path, "must not be null")
			continue
		}
		c.value(item, of, path, depth)
	}
}

// value compares any value.
func (c *comparison) value(value []byte, of reflect.Type, at string, depth int) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	own := decodesItself(of)
	list := of.Kind() == reflect.Slice || of.Kind() == reflect.Array
	object := of.Kind() == reflect.Struct || of.Kind() == reflect.Map
	switch first := value[0]; {
	case depth == maxDepth && (first == '[' || first == '{'): // each level reads what is below it again
		c.add(at, "is nested too deeply")
	case list && first == '[' && !own:
		c.list(value, of.Elem(), at, depth+1)
	case object && first == '{' && !own:
		c.object(value, of, at, depth+1)
	default:
		c.add(at, wrongValue(value, of))
	}
}

func decodesItself(of reflect.Type) bool {
	pointer := reflect.PointerTo(of)
	return pointer.Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// wrongValue returns what the value should be, or "" if all is right.
func wrongValue(value []byte, of reflect.Type) string {
	err := json.Unmarshal(value, reflect.New(of).Interface())
	if err == nil {
		return ""
	}
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok || decodesItself(of) {
		return "cannot be read"
	}
	return wrongType(wrong.Type, strings.TrimPrefix(wrong.Value, "number "))
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

// fieldsOf returns the fields of a struct by their names in JSON.
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
