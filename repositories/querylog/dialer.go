package querylog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// cancelTimeout is how long PostgreSQL may take, after a context's end, to answer the
// cancel request. A connection whose answer arrives can be used again.
const cancelTimeout = time.Second

// serverTimeout bounds what has no context: rollback, closing, and, unless the DSN has
// another limit, connecting. It is a variable for tests.
var serverTimeout = 5 * time.Second

// dialer dials for one connection of the driver, and sets the deadlines of its network
// connection.
//
// When a context ends, pq dials a second connection to send a cancel request, while its
// reader stays blocked: for ever, if the network drops packets silently. But it dials
// through this dialer, for every query, exec, prepare, ping and transaction. So that
// dial is the signal to put a deadline on the first connection. It works for deadlines
// and cancellations alike, and a statement that ends in time costs nothing. Connect,
// BEGIN, rollback and close, which pq does not watch, use abortAfter or within.
type dialer struct {
	net.Dialer
	timeout time.Duration // for connecting, per host
	up      bool          // connected: every further dial is a cancel request

	raw       net.Conn            // under TLS, if any
	release   func() (alive bool) // while connecting: ends abortAfter
	cancelled atomic.Bool         // a cancel request has put a deadline on raw
}

// DialContext connects, or, once connected, opens the connection for a cancel
// request.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if d.up {
		return d.dialCancel(ctx, network, address)
	}
	if d.raw != nil { // pq tries again, and leaves it open where it does so without TLS
		d.release()
		_ = d.raw.Close()
	}
	deadline := time.Now().Add(d.timeout)
	dialCtx, done := context.WithDeadline(ctx, deadline)
	defer done()
	raw, err := d.Dialer.DialContext(dialCtx, network, address)
	if err != nil {
		return nil, err
	}
	if err := raw.SetDeadline(deadline); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	d.raw, d.release = raw, abortAfter(ctx, raw)
	return raw, nil
}

// dialCancel bounds the statement and the cancel request alike: pq waits for the end of
// the cancel request before it returns from the statement.
func (d *dialer) dialCancel(ctx context.Context, network, address string) (net.Conn, error) {
	deadline := time.Now().Add(cancelTimeout)
	_ = d.raw.SetDeadline(deadline) // fails only on a closed connection, which blocks nobody
	d.cancelled.Store(true)

	ctx, done := context.WithDeadline(ctx, deadline)
	defer done()
	c, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("dial for cancel request: %w", err)
	}
	return c, c.SetDeadline(deadline)
}

// DialTimeout is part of pq.Dialer; pq prefers DialContext.
func (d *dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, done := context.WithTimeout(context.Background(), timeout)
	defer done()
	return d.DialContext(ctx, network, address)
}

// connected ends the connecting phase.
func (d *dialer) connected(ctx context.Context) error {
	d.up = true
	if alive := d.release(); !alive {
		return ctx.Err()
	}
	return d.raw.SetDeadline(time.Time{})
}

// abortAfter makes reads and writes fail when ctx ends before release is called. Release
// reports whether ctx was still alive; if not, the connection must be closed.
func abortAfter(ctx context.Context, raw net.Conn) (release func() (alive bool)) {
	return context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
}

// within bounds the network until release is called.
func (d *dialer) within(limit time.Duration) (release func()) {
	_ = d.raw.SetDeadline(time.Now().Add(limit))
	return func() { _ = d.raw.SetDeadline(time.Time{}) }
}

// restore removes the deadline that a cancel request has set.
func (d *dialer) restore() {
	if d.cancelled.CompareAndSwap(true, false) {
		_ = d.raw.SetDeadline(time.Time{})
	}
}
