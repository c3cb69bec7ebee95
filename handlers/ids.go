package handlers

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
)

const positiveID = "must be a whole number from 1 to 9223372036854775807"

// pathID returns the route's :id.
func pathID(c *fiber.Ctx) (int64, error) {
	id, ok := parseID(c.Params("id"))
	if !ok {
		return 0, problem.InvalidField("id", positiveID)
	}
	return id, nil
}

// pathText returns a parameter of the route that is text, of up to most characters.
func pathText(c *fiber.Ctx, name string, most int) (string, error) {
	text := strings.Clone(c.Params(name)) // Fiber writes the next request over it
	return text, problem.CheckLine(name, text, 1, most)
}

// parseID takes digits only, and only in one way: "+1" and "01" are not ids.
func parseID(s string) (int64, bool) {
	id, err := strconv.ParseUint(s, 10, 63)
	return int64(id), err == nil && s[0] != '0'
}

// parseIDs reads a list such as "3,1,2", up to most long.
func parseIDs(field, list string, most int) ([]int64, error) {
	if strings.Count(list, ",") >= most {
		return nil, problem.InvalidField(field, fmt.Sprintf("must not list more than %d ids", most))
	}
	var ids []int64
	for part := range strings.SplitSeq(list, ",") {
		id, ok := parseID(part)
		if !ok {
			return nil, problem.InvalidField(field, "must be ids separated by commas")
		}
		ids = append(ids, id)
	}
	return ids, nil
}
