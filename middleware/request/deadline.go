package request

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"example.com/prefab/services/tracing"
)

// requestContext is a context that ends with its request, or at a deadline before. Its
// timer is created when somebody first waits for the end, since most requests never wait.
type requestContext struct {
	context.Context // without an end
	trace           tracing.Trace
	deadline        time.Time

	mu    sync.Mutex
	ended bool
	timed atomic.Pointer[timedContext]
}

type timedContext struct {
	context.Context
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
	if timed := c.timed.Load(); timed != nil {
		return timed.Value(key)
	}
	return c.Context.Value(key)
}

func (c *requestContext) wait() *timedContext {
	if timed := c.timed.Load(); timed != nil {
		return timed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if timed := c.timed.Load(); timed != nil {
		return timed
	}
	timed := new(timedContext)
	timed.Context, timed.cancel = context.WithDeadline(c.Context, c.deadline)
	if c.ended {
		timed.cancel()
	}
	c.timed.Store(timed)
	return timed
}

// end cancels the context.
func (c *requestContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if timed := c.timed.Load(); timed != nil {
		timed.cancel()
	}
}
