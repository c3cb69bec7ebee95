package rest

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
)

// PathID returns a parameter of the route that is an id.
func PathID(c *fiber.Ctx, name string) (int64, error) { return idOf(name, c.Params(name)) }

// PathText returns a parameter of the route that is text, from 1 to maxLength characters.
func PathText(c *fiber.Ctx, name string, maxLength int) (string, error) {
	text := strings.Clone(c.Params(name)) // Fiber writes the next request to the same memory
	return text, problem.CheckLine(name, text, 1, maxLength)
}

// ParseID accepts digits only, and only one spelling: "+1" and "01" are not ids.
func ParseID(s string) (int64, bool) {
	id, err := strconv.ParseUint(s, 10, 63)
	return int64(id), err == nil && s[0] != '0'
}

func idOf(name, text string) (int64, error) {
	id, ok := ParseID(text)
	if !ok {
		return 0, problem.InvalidField(name, "must be a whole number from 1 to 9223372036854775807")
	}
	return id, nil
}
