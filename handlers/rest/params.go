package rest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
)

// Query holds the parameters of a query string that a route takes and got. A parameter
// that was sent empty is in it.
type Query map[string]string

// ReadQuery reads the query of a route of the API, which takes these parameters, each
// once. Others are an error: a misspelled filter must not return the whole list.
func ReadQuery(c *fiber.Ctx, names ...string) (Query, error) { return parseQuery(c, names, true) }

// ReadPageQuery reads the query of a page. It ignores other parameters, since mail
// programs and advertisements add theirs to links.
func ReadPageQuery(c *fiber.Ctx, names ...string) (Query, error) { return parseQuery(c, names, false) }

// NoQuery guards a route of the API that takes no parameters.
func NoQuery(c *fiber.Ctx) error {
	if _, err := ReadQuery(c); err != nil {
		return err
	}
	return c.Next()
}

func parseQuery(c *fiber.Ctx, names []string, strict bool) (Query, error) {
	q := make(Query, len(names))
	for key, value := range c.Context().QueryArgs().All() {
		name, value := string(key), string(value) // copies: Fiber writes the next request to the same memory
		if !slices.Contains(names, name) {
			if strict {
				return nil, problem.InvalidField(shorten(name, maxNameEchoed), "is not a known parameter")
			}
			continue
		}
		if _, given := q[name]; given {
			return nil, problem.InvalidField(name, "is given twice")
		}
		if err := problem.CheckLine(name, value, 0, len(value)); err != nil {
			return nil, err
		}
		q[name] = value
	}
	return q, nil
}

// ID returns a parameter that is an id, or 0 if it is absent or empty.
func (q Query) ID(name string) (int64, error) {
	if q[name] == "" {
		return 0, nil
	}
	return idOf(name, q[name])
}

// IDs returns a parameter that is a list of up to maxIDs ids, such as "3,1,2".
func (q Query) IDs(name string, maxIDs int) ([]int64, error) {
	if strings.Count(q[name], ",") >= maxIDs {
		return nil, problem.InvalidField(name, fmt.Sprintf("must not list more than %d ids", maxIDs))
	}
	var ids []int64
	for part := range strings.SplitSeq(q[name], ",") {
		id, ok := ParseID(part)
		if !ok {
			return nil, problem.InvalidField(name, "must be ids separated by commas")
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// Limit returns the parameter "limit", the length of a page: from 1 to highest, or the
// usual one if it is absent or empty.
func (q Query) Limit(usual, highest int) (int, error) {
	n, err := q.Int("limit", int64(usual), 1, int64(highest))
	return int(n), err
}

// Int returns a parameter that is a whole number from low to high, or the usual one if it is
// absent or empty. It accepts only one spelling: "+1" and "01" are no numbers.
func (q Query) Int(name string, usual, low, high int64) (int64, error) {
	if q[name] == "" {
		return usual, nil
	}
	n, err := strconv.ParseInt(q[name], 10, 64)
	if err != nil || n < low || n > high || strconv.FormatInt(n, 10) != q[name] {
		return 0, problem.InvalidField(name, fmt.Sprintf("must be from %d to %d", low, high))
	}
	return n, nil
}

// After returns the parameter "after", a cursor, or the zero Position if it is absent or empty.
func (q Query) After() (Position, error) {
	if q["after"] == "" {
		return Position{}, nil
	}
	position, ok := ParseCursor(q["after"])
	if !ok {
		return Position{}, problem.InvalidField("after", "must be the nextCursor of an earlier page")
	}
	return position, nil
}

// ByID makes a handler of one that takes the id in the route's parameter :id.
func ByID(handle func(c *fiber.Ctx, id int64) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		id, err := PathID(c, "id")
		if err != nil {
			return err
		}
		return handle(c, id)
	}
}

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
