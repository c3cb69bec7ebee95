package request

import (
	"context"
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
	timed           atomic.Pointer[timedContext]
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
	if timed := c.timed.Load(); timed != nil && timed != &canceled {
		return timed.Value(key)
	}
	return c.Context.Value(key)
}

func (c *requestContext) wait() *timedContext {
	if timed := c.timed.Load(); timed != nil {
		return timed
	}
	timed := new(timedContext)
	timed.Context, timed.cancel = context.WithDeadline(c.Context, c.deadline)
	if !c.timed.CompareAndSwap(nil, timed) {
		timed.cancel()
	}
	return c.timed.Load()
}

// end cancels the context.
func (c *requestContext) end() {
	if !c.timed.CompareAndSwap(nil, &canceled) {
		c.timed.Load().cancel()
	}
}

// canceled is the context of a request that ended before anybody waited for its end.
var canceled = func() timedContext {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return timedContext{ctx, cancel}
}()
