package dev

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/tracing"
)

const (
	maxRequests  = 200 // that a process keeps
	maxLinks     = 20  // of the chain of a kept error
	maxErrorText = 2000
)

// record is a request that has ended. It holds no body, no cookie and nothing of the fiber.Ctx.
type record struct {
	ID, Method, Path, Route string // Route is "GET /products/:id", or "" without a route
	Query, Headers          []pair // masked
	Start                   time.Time
	Duration                time.Duration
	Status, Bytes           int    // Bytes is -1 for a stream
	Chain                   []link // of the error, if there was one
	Stack                   string

	events *tracing.Events
}

// ring keeps the last requests.
type ring struct {
	mu   sync.Mutex
	list [maxRequests]*record
	next int
}

func (r *ring) add(one *record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list[r.next%maxRequests] = one
	r.next++
}

// newest lists the requests, the newest first.
func (r *ring) newest() (list []*record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := r.next - 1; i >= max(0, r.next-maxRequests); i-- {
		list = append(list, r.list[i%maxRequests])
	}
	return list
}

// errorKey is the local of a request's error.
type errorKey struct{}

// Record keeps what happens during a request for the pages of this package. Mount it behind
// the middleware that gives a request its Trace, and outside of what answers errors.
func (t *Tools) Record(c *fiber.Ctx) error {
	trace := tracing.From(c.UserContext())
	trace.KeepEvents()
	err := c.Next()
	if isAsset(c, trace) {
		return err
	}
	r := &record{
		ID: trace.ID, Method: strings.Clone(c.Method()), Path: strings.Clone(c.Path()), Route: trace.Route,
		Query: query(c), Headers: headers(c), Start: trace.Start, Duration: time.Since(trace.Start),
		Status: c.Response().StatusCode(), events: trace.Events(),
	}
	switch {
	case c.Method() == fiber.MethodHead: // its body is not sent
	case c.Response().IsBodyStream():
		r.Bytes = -1
	default:
		r.Bytes = len(c.Response().Body())
	}
	if failed, ok := c.Locals(errorKey{}).(error); ok {
		r.Chain, r.Stack = chain(failed)
		r.Chain = r.Chain[:min(len(r.Chain), maxLinks)]
		for i := range r.Chain {
			r.Chain[i].Text = fmt.Sprintf("%.*s", maxErrorText, r.Chain[i].Text)
		}
	}
	t.requests.add(r)
	return err
}

// isAsset reports whether the request was for a file of a page, such as a script or a
// picture, and nothing happened. These would hide the others.
func isAsset(c *fiber.Ctx, trace *tracing.Trace) bool {
	switch c.Get("Sec-Fetch-Dest") {
	case "script", "style", "image", "font", "manifest":
	default:
		return false
	}
	kept := trace.Events().Kept()
	return c.Response().StatusCode() < fiber.StatusBadRequest &&
		kept.Statements.Count()+kept.Lookups.Count()+kept.Lines.Count() == 0
}
