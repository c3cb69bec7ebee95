package middleware

import (
	"log/slog"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/tracing"
)

// RequestMessage is the message of a request's line.
const RequestMessage = "request"

// RequestLine is what the access log tells of a request that was answered in time.
type RequestLine struct {
	Time     time.Time // of its end
	Level    slog.Level
	Status   int
	Duration time.Duration
	Bytes    int
	Trace    *tracing.Trace // its ID, Route and Queries
}

// requestLogger is a slog.Handler that writes such lines more cheaply than slog does.
type requestLogger interface {
	LogRequest(line RequestLine)
}

// AccessLog writes one line a request. It holds neither the path nor the query
// nor the client's address, since these may tell of a person. A request that
// takes slow or longer is a warning; 0 means that none is. It stands behind Trace. The time of a stream
// ends where its handler does, before the body is sent.
func AccessLog(log *slog.Logger, slow time.Duration) fiber.Handler {
	cheap, _ := log.Handler().(requestLogger)
	return func(c *fiber.Ctx) error {
		if err := c.Next(); err != nil {
			// Answer here, so that the line tells the status that the client gets.
			if err := c.App().ErrorHandler(c, err); err != nil {
				return err
			}
		}
		ctx := c.UserContext()
		trace := tracing.From(ctx)
		now := time.Now()
		status, duration := c.Response().StatusCode(), now.Sub(trace.Start)
		level, message := slog.LevelInfo, RequestMessage
		switch {
		case slow > 0 && duration >= slow:
			level, message = slog.LevelWarn, "slow request"
		case status == fiber.StatusOK && strings.HasPrefix(c.Path(), "/health"):
			level = slog.LevelDebug // balancers ask every second
		}
		if !log.Enabled(ctx, level) {
			return nil
		}
		if cheap != nil && message == RequestMessage {
			cheap.LogRequest(RequestLine{
				Time: now, Level: level, Status: status, Duration: duration, Bytes: responseBytes(c), Trace: trace,
			})
			return nil
		}
		// The id and the route are added to every line that has a request's context.
		log.LogAttrs(ctx, level, message,
			slog.Int("status", status),
			slog.Duration("duration", duration),
			slog.Int("bytes", responseBytes(c)),
			slog.Int64("queries", trace.Queries()),
		)
		return nil
	}
}

// responseBytes is the length of the body that is sent; -1 for a stream, whose
// end is yet to come.
func responseBytes(c *fiber.Ctx) int {
	if c.Method() == fiber.MethodHead {
		return 0
	}
	if c.Response().IsBodyStream() {
		return -1
	}
	return len(c.Response().Body())
}
