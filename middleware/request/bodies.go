package request

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/problem"
)

// smallBody is how much of a body fasthttp reads before it calls a handler. That part is
// not counted in the budget, so that large requests never block small ones.
const smallBody = 8 << 10

var errTooManyBodies = &problem.Error{
	Code:       problem.Unavailable,
	Message:    "Too many large requests are arriving. Please try again soon.",
	RetryAfter: 2 * time.Second,
}

// Bodies limits the memory of request bodies. Without streaming, fasthttp allocates the
// announced length before a byte has arrived; with streaming, a body stays on the
// connection until a handler reads it, but fasthttp enforces no limit.
type Bodies struct {
	limit  int   // bytes of one body
	budget int64 // bytes that all running requests may hold
	held   atomic.Int64
}

// NewBodies returns Bodies.
func NewBodies(limit int, budget int64) *Bodies { return &Bodies{limit: limit, budget: budget} }

// Limit applies the limits to the request until release is called, which reports whether
// a part of the body is unread. It fails if the announced length is too large.
func (b *Bodies) Limit(request *fasthttp.RequestCtx) (release func() (unread bool), err error) {
	length := request.Request.Header.ContentLength()
	if length > b.limit {
		return nil, fiber.ErrRequestEntityTooLarge
	}
	stream := request.RequestBodyStream()
	if stream == nil {
		return func() bool { return false }, nil
	}
	limited := &body{stream: stream, all: b, limit: b.limit}
	request.Request.SetBodyStream(limited, length)
	return func() bool {
		b.held.Add(-limited.held)
		return !limited.whole
	}, nil
}

// BodyLimit lowers the limit of a route.
func BodyLimit(limit int) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if c.Request().Header.ContentLength() > limit {
			return fiber.ErrRequestEntityTooLarge
		}
		if limited, ok := c.Context().RequestBodyStream().(*body); ok {
			limited.limit = min(limited.limit, limit)
		}
		return c.Next()
	}
}

// body is a request's body, read from its connection. fasthttp discards the unread rest, or
// closes the connection.
type body struct {
	stream io.Reader
	all    *Bodies
	limit  int
	read   int
	held   int64 // the part of read that counts in the budget
	whole  bool  // its end was read
}

// Read returns errors that the error handler turns into answers.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.stream.Read(p)
	b.read += n
	held := int64(max(0, min(n, b.read-smallBody)))
	b.held += held
	b.whole = err == io.EOF
	switch {
	case b.all.held.Add(held) > b.all.budget && held > 0:
		return n, errTooManyBodies
	case b.read > b.limit:
		return n, fiber.ErrRequestEntityTooLarge
	case err == nil || b.whole:
		return n, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, fiber.ErrRequestTimeout
	}
	return n, fiber.ErrBadRequest // the chunks are malformed, or the client has gone
}
