package request

import (
	"cmp"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/tracing"
)

// Spans records each request as a span, under the name of its route, and lets what it calls
// record theirs. Mount it behind Trace, and outside of AccessLog, which turns errors into
// answers. A stream's span ends with its handler. Health checks are left out: balancers ask
// every second.
func Spans(recorder tracing.Recorder) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if strings.HasPrefix(c.Path(), "/health") {
			return c.Next()
		}
		trace := tracing.From(c.UserContext())
		trace.RecordTo(recorder)
		err := c.Next()
		if !trace.Recording() {
			return err
		}
		method, status := strings.Clone(c.Method()), c.Response().StatusCode()
		span := tracing.Span{
			Server: true, Name: cmp.Or(trace.Route, method), Start: trace.Start, Duration: time.Since(trace.Start),
			Attrs: []slog.Attr{
				slog.String("http.request.method", method), slog.Int("http.response.status_code", status),
			},
		}
		if _, route, named := strings.Cut(trace.Route, " "); named {
			span.Attrs = append(span.Attrs, slog.String("http.route", route))
		}
		if status >= fiber.StatusInternalServerError {
			span.ErrorType = strconv.Itoa(status)
		}
		trace.Record(span)
		return err
	}
}
