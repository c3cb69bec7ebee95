package querylog

import (
	"context"
	"net/url"
	"strings"

	"example.com/prefab/services/tracing"
)

// commented adds what a trace tells to a statement, in sqlcommenter's form:
// https://google.github.io/sqlcommenter/spec/
func (c *conn) commented(ctx context.Context, query string) string {
	trace := tracing.From(ctx)
	if !c.comments || trace == nil {
		return query
	}
	var pairs []string // in the order of their keys
	for _, pair := range [][2]string{{"route", trace.Route}, {"traceparent", trace.Traceparent()}} {
		if pair[1] != "" {
			pairs = append(pairs, pair[0]+"='"+escape(pair[1])+"'")
		}
	}
	if len(pairs) == 0 {
		return query
	}
	return query + " /*" + strings.Join(pairs, ",") + "*/"
}

// escape leaves nothing that could end the quotes or the comment.
func escape(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }
