package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
)

// decodeJSON reads the request's body into the struct at to. It refuses what is
// not a JSON object, and names the fields that are unknown or of the wrong type.
func decodeJSON(c *fiber.Ctx, to any, contentTypes ...string) error {
	if err := checkContentType(c, append(contentTypes, fiber.MIMEApplicationJSON)); err != nil {
		return err
	}
	body := c.Request().Body() // not c.Body(), which would inflate a compressed bomb
	if !utf8.Valid(body) {
		return badJSON("it is not UTF-8") // the decoder would put question marks in silence
	}
	if _, err := membersOf(body); err != nil {
		return err
	}
	if unknown := unknownNames(body, reflect.TypeOf(to), ""); len(unknown) > 0 {
		slices.SortFunc(unknown, func(a, b services.FieldError) int { return strings.Compare(a.Field, b.Field) })
		return services.InvalidFields(unknown[:min(len(unknown), maxUnknown)])
	}
	if err := json.Unmarshal(body, to); err != nil {
		return jsonError(err)
	}
	return nil
}

func membersOf(body []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, jsonError(err)
	}
	if members == nil {
		return nil, badJSON("an object is needed") // it is null
	}
	return members, nil
}

func checkContentType(c *fiber.Ctx, accepted []string) error {
	if c.Get(fiber.HeaderContentEncoding) != "" {
		return &services.Error{Code: services.UnsupportedMedia, Message: "The body must not be compressed."}
	}
	given, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	for _, accept := range accepted {
		if err == nil && given == accept {
			return nil
		}
	}
	return &services.Error{
		Code: services.UnsupportedMedia, Message: "The body must be " + strings.Join(accepted, " or ") + ".",
	}
}

func jsonError(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if wrong.Field == "" {
			return badJSON("an object is needed")
		}
		return services.InvalidField(wrong.Field, "must be "+typeName(wrong.Type.Kind().String()))
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return badJSON(fmt.Sprintf("it breaks at byte %d", syntax.Offset))
	}
	return badJSON("it cannot be read")
}

func badJSON(why string) error {
	return &services.Error{Code: services.Malformed, Message: "The body is not valid JSON: " + why + "."}
}

func typeName(kind string) string {
	switch {
	case kind == "string":
		return "a text"
	case kind == "bool":
		return "true or false"
	case strings.HasPrefix(kind, "int"):
		return "a whole number"
	}
	return "a JSON " + kind
}

// nullMembers names the members of a JSON object that are null, which asks a
// merge patch (RFC 7396) to remove them.
func nullMembers(body []byte) ([]string, error) {
	members, err := membersOf(body)
	if err != nil {
		return nil, err
	}
	var names []string
	for name, value := range members {
		if string(value) == "null" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
