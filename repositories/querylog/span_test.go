package querylog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services/tracing"
)

type recorder struct{ spans []tracing.Span }

func (r *recorder) Samples(string, tracing.Parent) bool { return true }
func (r *recorder) Record(s tracing.Span)               { r.spans = append(r.spans, s) }

func TestSpans_DescribeStatementsWithoutTheirValues(t *testing.T) {
	db := open(t, querylog.Options{DSN: emptyDatabase(t), Prepared: true, Observe: querylog.Spans})
	ctx, trace := traced()
	_, _ = read(ctx, db, "SELECT 0") // before it records
	var to recorder
	trace.RecordTo(&to)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for _, c := range []struct {
		ctx                context.Context
		query, attrs, kind string
	}{
		{ctx, "-- name: things.find\nSELECT $1::text", "", ""},
		{ctx, "-- name: things.find\nSELECT $1::int", "db.response.status_code=22P02", "error"},
		{t.Context(), "SELECT $1::text", "", "none"}, // of no request
		{ended, "SELECT $1::text", "", "none"},       // is not sent
	} {
		to.spans = nil
		_, _ = read(c.ctx, db, c.query, "hunter2")
		if c.kind == "none" {
			if len(to.spans) > 0 {
				t.Errorf("%q: recorded is %+v", c.query, to.spans)
			}
			continue
		}
		if len(to.spans) != 1 {
			t.Fatalf("%q: recorded is %+v", c.query, to.spans)
		}
		span := to.spans[0]
		text := fmt.Sprint(span.Attrs)
		for _, want := range []string{"db.system.name=postgresql", "db.query.summary=things.find", "db.query.text=" + c.query, c.attrs} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q", text, want)
			}
		}
		if span.Name != "things.find" || span.ErrorType != c.kind || span.Duration <= 0 || span.Server || strings.Contains(text, "hunter2") {
			t.Errorf("%q: %+v", c.query, span)
		}
	}
}
