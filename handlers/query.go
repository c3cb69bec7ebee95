package handlers

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
)

// query holds the parameters of a query string that a route takes and got; one that
// was sent empty is there, and empty.
type query map[string]string

// readQuery reads the query of a route of the API, which takes these parameters, each
// once, and refuses others: a misspelled filter must not give the whole list.
func readQuery(c *fiber.Ctx, names ...string) (query, error) { return parseQuery(c, names, true) }

// pageQuery reads the query of a page. It leaves others aside: people follow links to
// which mail and advertisements have added theirs.
func pageQuery(c *fiber.Ctx, names ...string) (query, error) { return parseQuery(c, names, false) }

// NoQuery guards a route of the API that takes no parameters.
func NoQuery(c *fiber.Ctx) error {
	if _, err := readQuery(c); err != nil {
		return err
	}
	return c.Next()
}

func parseQuery(c *fiber.Ctx, names []string, strict bool) (query, error) {
	q := make(query, len(names))
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
				return nil, problem.InvalidField(echoed(name), "is not a known parameter")
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
