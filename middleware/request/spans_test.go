package request_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/request"
	"example.com/prefab/services/tracing"
)

// recorder keeps the spans of the traces that it samples.
type recorder struct {
	samples func(tracing.Parent) bool
	spans   []tracing.Span
}

func (r *recorder) Samples(_ string, p tracing.Parent) bool { return r.samples(p) }
func (r *recorder) Record(s tracing.Span)                   { r.spans = append(r.spans, s) }

func TestSpans_NameTheRouteAndTheFinalStatus(t *testing.T) {
	to := &recorder{samples: func(p tracing.Parent) bool { return p.Sampled }}
	app := fibertest.New()
	app.Use(request.Trace(time.Minute, nil), request.Spans(to), request.AccessLog(slog.New(slog.DiscardHandler), 0))
	app.Get("/people/:name", func(c *fiber.Ctx) error {
		if c.Params("name") == "bad" {
			return errors.New("bad")
		}
		return c.SendString("hello")
	})
	app.Get("/health/live", fibertest.OK)
	request.NameRoutes(app)
	const sampled, not = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	for _, c := range []struct {
		target, traceparent string
		name, attrs, failed string // no name: nothing is recorded
	}{
		{"/people/ada?q=ada", sampled, "GET /people/:name", "[http.request.method=GET http.response.status_code=200 http.route=/people/:name]", ""},
		{"/people/bad", sampled, "GET /people/:name", "[http.request.method=GET http.response.status_code=500 http.route=/people/:name]", "500"},
		{"/ada", sampled, "GET", "[http.request.method=GET http.response.status_code=404]", ""},
		{"/people/ada", not, "", "", ""},
		{"/health/live", sampled, "", "", ""},
	} {
		to.spans = nil
		fibertest.Send(t, app, "GET", c.target, "traceparent", c.traceparent)
		if c.name == "" {
			if len(to.spans) > 0 {
				t.Errorf("%s: recorded is %+v", c.target, to.spans)
			}
			continue
		}
		if len(to.spans) != 1 {
			t.Fatalf("%s: recorded is %+v", c.target, to.spans)
		}
		span := to.spans[0]
		var attrs []string
		for _, attr := range span.Attrs {
			attrs = append(attrs, attr.String())
		}
		if got := "[" + strings.Join(attrs, " ") + "]"; span.Name != c.name || got != c.attrs || span.ErrorType != c.failed {
			t.Errorf("%s: %s %s %q", c.target, span.Name, got, span.ErrorType)
		}
		if !span.Server || span.Parent.SpanID.String() != "00f067aa0ba902b7" || span.Start.IsZero() || span.Duration <= 0 {
			t.Errorf("%s: %+v", c.target, span)
		}
	}
}
