package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
)

// decodeJSON reads the request's body into the struct at to. It refuses what is
// not a JSON object, and names the fields that are unknown, given twice or of the wrong
// type.
func decodeJSON(c *fiber.Ctx, to any, contentTypes ...string) error {
	if err := checkContentType(c, append(contentTypes, fiber.MIMEApplicationJSON)); err != nil {
		return err
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	if !utf8.Valid(body) {
		return badJSON("it is not UTF-8") // the decoder would put question marks in silence
	}
	if len(body) == 0 {
		return badJSON("it is empty")
	}
	if err := json.Unmarshal(body, new(json.RawMessage)); err != nil {
		return badSyntax(err)
	}
	if bytes.TrimLeft(body, " \t\r\n")[0] != '{' {
		return badJSON("an object is needed")
	}
	if wrong := wrongFields(body, reflect.TypeOf(to)); len(wrong) > 0 {
		return problem.InvalidFields(wrong)
	}
	if err := json.Unmarshal(body, to); err != nil {
		return badJSON("it cannot be read")
	}
	return nil
}

// readBody reads the request's body from its connection; again, it returns the same.
// Do not use c.Body() or c.Request().Body(): where reading fails they return the error's
// text as the body, and the first would inflate a compressed bomb.
func readBody(c *fiber.Ctx) ([]byte, error) {
	if stream := c.Context().RequestBodyStream(); stream != nil {
		body, err := io.ReadAll(stream)
		if err != nil {
			return nil, err
		}
		c.Request().SetBodyRaw(body)
	}
	return c.Request().Body(), nil
}

func checkContentType(c *fiber.Ctx, accepted []string) error {
	if c.Get(fiber.HeaderContentEncoding) != "" {
		return &problem.Error{Code: problem.UnsupportedMedia, Message: "The body must not be compressed."}
	}
	given, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	for _, accept := range accepted {
		if err == nil && given == accept {
			return nil
		}
	}
	return &problem.Error{
		Code: problem.UnsupportedMedia, Message: "The body must be " + strings.Join(accepted, " or ") + ".",
	}
}

func badSyntax(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return badJSON(fmt.Sprintf("it breaks at byte %d", syntax.Offset))
	}
	return badJSON("it cannot be read")
}

func badJSON(why string) error {
	return &problem.Error{Code: problem.Malformed, Message: "The body is not valid JSON: " + why + "."}
}
