package rest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

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
	for pair := range strings.SplitSeq(string(c.Context().URI().QueryString()), "&") {
		if pair == "" {
			continue
		}
		sentName, sentValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(sentName)
		if err != nil || !utf8.ValidString(name) {
			name = sentName
		}
		if !slices.Contains(names, name) {
			if strict {
				return nil, problem.InvalidField(shorten(name), "is not a known parameter")
			}
			continue
		}
		if _, given := q[name]; given {
			return nil, problem.InvalidField(name, "is given twice")
		}
		value, err := url.QueryUnescape(sentValue)
		if err != nil {
			return nil, problem.InvalidField(name, "must be percent-encoded")
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
	if q["limit"] == "" {
		return usual, nil
	}
	n, ok := ParseID(q["limit"]) // also a whole number from 1 on
	if !ok || n > int64(highest) {
		return 0, problem.InvalidField("limit", fmt.Sprintf("must be from 1 to %d", highest))
	}
	return int(n), nil
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
