package request

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/tracing"
)

// LogMessage is the message of a request's line.
const LogMessage = "request"

// Line is the access log's line of a request that was not slow.
type Line struct {
	Time     time.Time // of its end
	Level    slog.Level
	Status   int
	Duration time.Duration
	Bytes    int
	Trace    *tracing.Trace // its ID, Route and Queries
}

// lineLogger is a slog.Handler that writes such lines faster than slog does.
type lineLogger interface {
	LogRequest(line Line)
}

// AccessLog writes one line per request, without the path, the query and the client's
// address, since these may identify a person. A request that takes slow or longer is a
// warning; 0 turns that off. Mount it behind Trace. The duration of a stream ends with its
// handler, before the body is sent.
func AccessLog(log *slog.Logger, slow time.Duration) fiber.Handler {
	fast, _ := log.Handler().(lineLogger)
	return func(c *fiber.Ctx) error {
		if err := c.Next(); err != nil {
			err = c.App().ErrorHandler(c, err) // here, so that the line has the status that the client gets
			if err != nil {
				return err
			}
		}
		ctx := c.UserContext()
		trace, now, status := tracing.From(ctx), time.Now(), c.Response().StatusCode()
		duration := now.Sub(trace.Start)
		level, message := slog.LevelInfo, LogMessage
		switch {
		case slow > 0 && duration >= slow:
			level, message = slog.LevelWarn, "slow request"
		case status == fiber.StatusOK && strings.HasPrefix(c.Path(), "/health"):
			level = slog.LevelDebug // balancers ask every second
		}
		switch {
		case !log.Enabled(ctx, level):
		case fast != nil && message == LogMessage:
			fast.LogRequest(Line{
				Time: now, Level: level, Status: status, Duration: duration, Bytes: responseBytes(c), Trace: trace,
			})
		default: // the logger adds the id and the route from the context
			log.LogAttrs(ctx, level, message, slog.Int("status", status), slog.Duration("duration", duration),
				slog.Int("bytes", responseBytes(c)), slog.Int64("queries", trace.Queries()))
		}
		return nil
	}
}

// responseBytes is the length of the body that is sent; -1 for a stream, whose length is
// not known yet.
func responseBytes(c *fiber.Ctx) int {
	if c.Method() == fiber.MethodHead {
		return 0
	}
	if c.Response().IsBodyStream() {
		return -1
	}
	return len(c.Response().Body())
}

// PanicError is a panic of a handler. It does not unwrap: a panic with an error is no such error.
type PanicError struct {
	Reason any
	stack  []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Reason, e.stack) }

// Stack is the stack of the goroutine, as debug.Stack has it.
func (e *PanicError) Stack() []byte { return e.stack }

// Recover turns a panic of a handler into an error with the stack, which the error handler
// logs. Fiber's own would log it a second time, and would answer a panic with a
// problem.Error like that error.
func Recover() fiber.Handler {
	return func(c *fiber.Ctx) (err error) {
		defer func() {
			if reason := recover(); reason != nil {
				err = &PanicError{Reason: reason, stack: debug.Stack()}
			}
		}()
		return c.Next()
	}
}
