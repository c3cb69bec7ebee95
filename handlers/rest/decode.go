package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
)

// DecodeJSON reads the request's body, a JSON object, into the struct at to. Its error
// names every field that is unknown, given twice or of the wrong type, up to maxWrong of
// them, also within objects and lists, by their paths such as items[2].quantity.
func DecodeJSON(c *fiber.Ctx, to any) error {
	_, err := decode(c, to, false, fiber.MIMEApplicationJSON)
	return err
}

// DecodePatch reads a JSON merge patch (RFC 7396) into a struct of pointers. A field
// that is not given stays nil. Null removes: a removable field becomes its zero
// value, and for others null is an error, as it is within nested objects.
func DecodePatch(c *fiber.Ctx, to any, removable ...string) error {
	body, err := decode(c, to, true, "application/merge-patch+json", fiber.MIMEApplicationJSON)
	if err != nil {
		return err
	}
	var members map[string]*json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return badSyntax(err)
	}
	target, fields := reflect.ValueOf(to).Elem(), fieldsOf(reflect.TypeOf(to).Elem())
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch {
		case members[name] != nil:
		case slices.Contains(removable, name):
			field := target.FieldByIndex(fields[name].Index)
			field.Set(reflect.New(field.Type().Elem()))
		default:
			return problem.InvalidField(name, "cannot be removed")
		}
	}
	return nil
}

func decode(c *fiber.Ctx, to any, patch bool, contentTypes ...string) (body []byte, err error) {
	if err := CheckContentType(c, contentTypes...); err != nil {
		return nil, err
	}
	if body, err = ReadBody(c); err != nil {
		return nil, err
	}
	if !utf8.Valid(body) {
		return nil, badJSON("it is not UTF-8") // encoding/json would silently write U+FFFD instead
	}
	if len(body) == 0 {
		return nil, badJSON("it is empty")
	}
	if err := json.Unmarshal(body, new(json.RawMessage)); err != nil {
		return nil, badSyntax(err)
	}
	if bytes.TrimLeft(body, " \t\r\n")[0] != '{' {
		return nil, badJSON("it must be an object")
	}
	if wrong := wrongFields(body, reflect.TypeOf(to).Elem(), patch); len(wrong) > 0 {
		return nil, problem.InvalidFields(wrong)
	}
	return body, badSyntax(json.Unmarshal(body, to))
}

// ReadBody reads the request's body from its connection; a second call returns the same.
// Do not use c.Body() or c.Request().Body(): if reading fails they return the error's
// text as the body, and the first would inflate a compressed bomb.
func ReadBody(c *fiber.Ctx) ([]byte, error) {
	if stream := c.Context().RequestBodyStream(); stream != nil {
		body, err := io.ReadAll(stream)
		if err != nil {
			return nil, err
		}
		c.Request().SetBodyRaw(body)
	}
	return c.Request().Body(), nil
}

// CheckContentType returns an error unless the body has one of the types.
func CheckContentType(c *fiber.Ctx, accepted ...string) error {
	if c.Get(fiber.HeaderContentEncoding) != "" {
		return &problem.Error{Code: problem.UnsupportedMedia, Message: "The body must not be compressed."}
	}
	given, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err == nil && slices.Contains(accepted, given) {
		return nil
	}
	return &problem.Error{
		Code: problem.UnsupportedMedia, Message: "The body must be " + strings.Join(accepted, " or ") + ".",
	}
}

func badSyntax(err error) error {
	if err == nil {
		return nil
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return badJSON(fmt.Sprintf("there is an error at byte %d", syntax.Offset))
	}
	return badJSON("it cannot be read")
}

func badJSON(why string) error {
	return &problem.Error{Code: problem.Malformed, Message: "The body is not valid JSON: " + why + "."}
}
