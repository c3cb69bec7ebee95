package querylog

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// grace is what PostgreSQL gets, after a context's end, to answer the cancel
	// request: a connection whose answer arrives can be used again.
	grace = time.Second

	// housekeeping bounds what has no context: rollback and closing.
	housekeeping = 5 * time.Second
)

// link is the network under one driver connection, and pq's dialer for it.
//
// pq answers a context's end by dialling a second connection to send a cancel
// request, while its reader stays blocked: for ever, if the network swallows
// packets. But it dials through the connection's own dialer, from the goroutine
// by which it watches the context of every query, exec, prepare, ping and
// transaction until its end. So that dial is our signal: it puts a deadline on
// the connection. Deadlines and plain cancellations are covered alike, and a
// statement that ends in time costs neither a SetDeadline nor an AfterFunc.
// What pq does not watch (connect, BEGIN, rollback, close) uses bound or within.
type link struct {
	dialer  net.Dialer
	timeout time.Duration // for connecting, per host
	up      bool          // connected: every further dial is a cancel request

	mu  sync.Mutex // connecting only: cut may come while a host is dialled
	raw net.Conn   // under TLS, if any; fixed once up

	cancelled atomic.Bool // a cancel request has put a deadline on raw
}

// DialContext connects, or, once connected, opens the connection for a cancel
// request.
func (l *link) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if l.up {
		return l.dialCancel(ctx, network, address)
	}
	deadline := time.Now().Add(l.timeout)
	dialCtx, done := context.WithDeadline(ctx, deadline)
	defer done()
	raw, err := l.dialer.DialContext(dialCtx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.raw != nil {
		_ = l.raw.Close() // pq leaves it open when it starts over without TLS
	}
	l.raw = raw
	if err := ctx.Err(); err != nil { // cut came before raw was there to be cut
		_ = raw.Close()
		return nil, err
	}
	return raw, raw.SetDeadline(deadline)
}

// dialCancel gives PostgreSQL and the cancel request the same short time: pq
// waits for the cancel connection to end before it returns from a statement.
func (l *link) dialCancel(ctx context.Context, network, address string) (net.Conn, error) {
	deadline := time.Now().Add(grace)
	_ = l.raw.SetDeadline(deadline) // fails only on a closed connection, which blocks nobody
	l.cancelled.Store(true)

	ctx, done := context.WithDeadline(ctx, deadline)
	defer done()
	c, err := l.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("dial for cancel request: %w", err)
	}
	return c, c.SetDeadline(deadline)
}

// Dial is what pq's Dialer asks for beside DialContext, which pq prefers.
func (l *link) Dial(network, address string) (net.Conn, error) {
	return l.DialContext(context.Background(), network, address)
}

// DialTimeout is what pq's Dialer asks for beside DialContext, which pq prefers.
func (l *link) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, done := context.WithTimeout(context.Background(), timeout)
	defer done()
	return l.DialContext(ctx, network, address)
}

// connected ends the connecting phase.
func (l *link) connected() error {
	l.up = true
	return l.raw.SetDeadline(time.Time{})
}

// bound cuts the connection when ctx ends before release is called. Release
// reports whether ctx was still alive; if not, the connection is of no more use.
func (l *link) bound(ctx context.Context) (release func() (alive bool)) {
	return context.AfterFunc(ctx, l.cut)
}

// cut makes whoever reads or writes give up now.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.raw != nil {
		_ = l.raw.SetDeadline(time.Unix(1, 0))
	}
}

// within bounds the network until release is called.
func (l *link) within(d time.Duration) (release func()) {
	_ = l.raw.SetDeadline(time.Now().Add(d))
	return func() { _ = l.raw.SetDeadline(time.Time{}) }
}

// restore takes back the deadline of a cancel request that is over.
func (l *link) restore() {
	if l.cancelled.CompareAndSwap(true, false) {
		_ = l.raw.SetDeadline(time.Time{})
	}
}
