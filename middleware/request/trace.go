// Package request holds the middleware around every request: its id, deadline and Trace,
// the access log, metrics, CORS, recovery from panics, security headers, and limits of
// paths, methods and bodies. It promises that
//
//   - every answer has an X-Request-Id, which is also in the log lines of its request, as
//     is the trace id of a client that sends a traceparent;
//   - a request's context ends at its deadline, and with the request;
//   - logs and metrics name routes by pattern, and hold nothing of a person;
//   - a path has one spelling before a router, a guard or a cache sees it;
//   - all bodies together take a bounded amount of memory.
//
// For example:
//
//	app.Use(
//		request.SecurityHeaders(),
//		request.Trace(30*time.Second, request.Proxies{netip.MustParsePrefix("10.0.0.0/8")}),
//		request.Metrics(prometheus.DefaultRegisterer),
//		request.AccessLog(slog.Default(), time.Second),
//		request.Recover(),
//		request.CanonicalPath,
//	)
//	app.Get("/reports/:id", show)
//	request.NameRoutes(app) // after the last route
package request

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"example.com/prefab/services/tracing"
)

const (
	headerRequestID   = "X-Request-Id" // as it is sent
	headerTraceparent = "Traceparent"
	headerTracestate  = "Tracestate"
)

// Trace gives a request an id, which is also the answer's X-Request-Id, and a context that
// carries the tracing.Trace and ends after timeout. An X-Request-Id of the client is
// ignored. A valid traceparent makes the request a part of the client's trace.
func Trace(timeout time.Duration, proxies Proxies) fiber.Handler {
	return func(c *fiber.Ctx) error {
		now := time.Now()
		ctx := &requestContext{
			deadline: now.Add(timeout),
			trace:    tracing.Trace{ID: tracing.NewID(), Start: now, Address: proxies.ClientAddress(c)},
		}
		if parent := c.Request().Header.Peek(headerTraceparent); len(parent) > 0 {
			ctx.trace.Parent = parentOf(c, parent)
		}
		ctx.Context = tracing.With(c.UserContext(), &ctx.trace)
		defer ctx.end()
		c.Response().Header.SetCanonical(utils.UnsafeBytes(headerRequestID), utils.UnsafeBytes(ctx.trace.ID))
		c.SetUserContext(ctx)
		return c.Next()
	}
}

// parentOf reads the headers of a trace. Of two traceparents neither counts.
func parentOf(c *fiber.Ctx, traceparent []byte) tracing.Parent {
	header := &c.Request().Header
	if len(header.PeekAll(headerTraceparent)) > 1 {
		return tracing.Parent{}
	}
	states := bytes.Join(header.PeekAll(headerTracestate), []byte(",")) // several are one list
	parent, _ := tracing.ParseTraceparent(string(traceparent), string(states))
	return parent
}

// requestContext is a context that ends with its request, or at a deadline before. Its
// timer is created when the end is first waited for, since most requests never wait.
type requestContext struct {
	context.Context // without an end
	trace           tracing.Trace
	deadline        time.Time

	mu     sync.Mutex
	timed  context.Context // nil: the end was never waited for
	cancel context.CancelFunc
}

// Deadline is part of context.Context.
func (c *requestContext) Deadline() (time.Time, bool) { return c.deadline, true }

// Done is part of context.Context.
func (c *requestContext) Done() <-chan struct{} { return c.wait().Done() }

// Err is part of context.Context.
func (c *requestContext) Err() error { return c.wait().Err() }

// Value is part of context.Context. Derived contexts find their canceller by it.
func (c *requestContext) Value(key any) any {
	c.mu.Lock()
	timed := c.timed
	c.mu.Unlock()
	if timed != nil && timed != canceled {
		return timed.Value(key)
	}
	return c.Context.Value(key)
}

func (c *requestContext) wait() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed == nil {
		c.timed, c.cancel = context.WithDeadline(c.Context, c.deadline)
	}
	return c.timed
}

// end cancels the context.
func (c *requestContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed == nil {
		c.timed = canceled
	} else {
		c.cancel()
	}
}

// canceled is the context of a request that ended before its end was waited for.
var canceled = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
