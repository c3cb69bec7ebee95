package request_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/request"
	"example.com/prefab/services/tracing"
)

func TestTrace_EndsTheContextAtTheDeadline(t *testing.T) {
	app := fibertest.New()
	app.Use(request.Trace(time.Nanosecond, nil))
	app.Get("/", func(c *fiber.Ctx) error {
		if _, bounded := c.UserContext().Deadline(); !bounded {
			t.Error("there is no deadline")
		}
		<-c.UserContext().Done()
		if err := c.UserContext().Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the context ended by %v", err)
		}
		return nil
	})
	fibertest.Send(t, app, "GET", "/")
}

// Whether or not anybody waited for the context before the request was over.
func TestTrace_EndsTheContextWithTheRequest(t *testing.T) {
	app := fibertest.New()
	app.Use(request.Trace(time.Hour, nil))
	var ctx, derived context.Context
	app.Get("/", func(c *fiber.Ctx) error {
		ctx = c.UserContext()
		return nil
	})
	app.Get("/derived", func(c *fiber.Ctx) error {
		before := runtime.NumGoroutine()
		ctx = c.UserContext()
		var cancel context.CancelFunc
		derived, cancel = context.WithCancel(ctx)
		t.Cleanup(cancel)
		if ctx.Err() != nil || derived.Err() != nil {
			t.Errorf("%v, %v while the handler runs", ctx.Err(), derived.Err())
		}
		if more := runtime.NumGoroutine() - before; more > 0 {
			t.Errorf("to derive a context takes %d goroutines", more)
		}
		return nil
	})
	for _, path := range []string{"/", "/derived"} {
		fibertest.Send(t, app, "GET", path)
		<-ctx.Done()
		if err := ctx.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the context ended by %v", path, err)
		}
	}
	<-derived.Done()
}

func TestTrace_GivesEachRequestAnIDOfItsOwn(t *testing.T) {
	app := fibertest.New()
	seen := map[string]bool{}
	app.Use(request.Trace(time.Minute, nil))
	app.Get("/", func(c *fiber.Ctx) error {
		id := tracing.From(c.UserContext()).ID
		if seen[id] || len(id) < 20 || string(c.Response().Header.Peek(fiber.HeaderXRequestID)) != id {
			t.Errorf("id %q", id)
		}
		seen[id] = true
		return nil
	})
	for range 3 {
		response, _ := fibertest.Send(t, app, "GET", "/", fiber.HeaderXRequestID, "of-the-client")
		if id := response.Header.Get(fiber.HeaderXRequestID); !seen[id] || seen["of-the-client"] {
			t.Errorf("the answer's id is %q", id)
		}
	}
}

func TestTrace_IsAPartOfTheClientsTrace(t *testing.T) {
	const traceID, span = "4bf92f3577b34da6a3ce929d0e0e4736", "-00f067aa0ba902b7-01"
	spanID := tracing.SpanID{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7}
	app := fibertest.New()
	app.Use(request.Trace(time.Minute, nil))
	var trace *tracing.Trace
	app.Get("/", func(c *fiber.Ctx) error { trace = tracing.From(c.UserContext()); return nil })
	for _, c := range []struct {
		headers []string
		want    tracing.Parent
	}{
		{nil, tracing.Parent{}},
		{[]string{"traceparent", "00-" + traceID + span, "tracestate", "a=1"}, tracing.Parent{TraceID: traceID, SpanID: spanID, State: "a=1", Sampled: true}},
		{[]string{"traceparent", "00-" + traceID + span + "-more"}, tracing.Parent{}},
		{[]string{"tracestate", "a=1"}, tracing.Parent{}},
		{[]string{"traceparent", "00-" + traceID + span, "traceparent", "00-" + traceID + span}, tracing.Parent{}},
		{[]string{"traceparent", "00-" + traceID + span, "tracestate", "a=1", "tracestate", "b=2"},
			tracing.Parent{TraceID: traceID, SpanID: spanID, State: "a=1,b=2", Sampled: true}},
	} {
		response, _ := fibertest.Send(t, app, "GET", "/", c.headers...)
		if trace.Parent != c.want || response.Header.Get(fiber.HeaderXRequestID) != trace.ID || trace.ID == traceID {
			t.Errorf("%q: the parent is %+v, want %+v", c.headers, trace.Parent, c.want)
		}
	}
}
