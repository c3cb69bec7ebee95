package server

import (
	"cmp"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
)

// connections is the listener of the service's port. When it is nearly full it closes
// the connections that have been idle for longest, so that new ones, such as those of
// a liveness probe, are still served. HTTP allows to close a connection between two
// requests.
type connections struct {
	*steadyListener
	limit   int // fasthttp turns away those beyond it
	crowded int // so many may be open before idle ones are closed
	shed    prometheus.Counter

	mu      sync.Mutex
	open    map[*connection]bool
	oldest  []idleConnection // as of the last scan, the longest idle first
	scanned time.Time
}

// connection is a client's connection.
type connection struct {
	net.Conn
	idleSince atomic.Int64 // Unix nanoseconds, or busy or closed
	unread    atomic.Bool  // the client may still be sending a part of its request
}

const (
	busy   = 0  // a request is under way
	closed = -1 // by us

	idleMinimum  = time.Second // what is idle for less is not closed: the client may be about to use it
	lingerTime   = 2 * time.Second
	scanInterval = 100 * time.Millisecond // each looks at all connections
)

type idleConnection struct {
	*connection
	since int64
}

// serveConnections returns the listener of a server, which has to tell it of what
// its connections do.
func serveConnections(
	listener net.Listener, server *fasthttp.Server, metrics prometheus.Registerer, log *slog.Logger,
) net.Listener {
	failures := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "prefab_http_accept_failures_total",
		Help: "Attempts to accept a connection that failed, for want of file descriptors for instance.",
	})
	l := &connections{
		limit: server.Concurrency, crowded: server.Concurrency - max(1, server.Concurrency/20),
		shed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "prefab_http_connections_shed_total",
			Help: "Idle connections that were closed to make room for others.",
		}),
		open: make(map[*connection]bool),
	}
	l.steadyListener = &steadyListener{Listener: listener, log: log, failed: func() bool {
		failures.Inc()
		return l.closeOldest()
	}}
	server.ConnState = l.note
	metrics.MustRegister(failures, l.shed, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "prefab_http_connections",
		Help: "Connections that are open.",
	}, func() float64 { return float64(l.count()) }))
	return l
}

// Accept is part of net.Listener.
func (l *connections) Accept() (net.Conn, error) {
	accepted, err := l.steadyListener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: accepted}
	c.idleSince.Store(time.Now().UnixNano())
	l.mu.Lock()
	l.open[c] = true
	count := len(l.open)
	if count <= l.crowded {
		l.oldest = nil // nobody needs them, and they may be closed
	}
	l.mu.Unlock()
	var freed int
	for freed < count-l.crowded && l.closeOldest() {
		freed++
	}
	for range min(freed, 20) { // they end soon, and fasthttp would turn this one away until then
		if l.count() <= l.limit {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return c, nil
}

func (l *connections) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// closeOldest closes the connection that has been idle for longest, if there is one.
func (l *connections) closeOldest() bool {
	c := l.takeOldest()
	if c == nil {
		return false
	}
	_ = c.Conn.Close()
	l.shed.Inc()
	return true
}

// takeOldest marks that connection as closed.
func (l *connections) takeOldest() *connection {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if len(l.oldest) == 0 && now.Sub(l.scanned) >= scanInterval {
		l.scanned = now
		for c := range l.open {
			if since := c.idleSince.Load(); since > 0 && now.UnixNano()-since >= int64(idleMinimum) {
				l.oldest = append(l.oldest, idleConnection{c, since})
			}
		}
		slices.SortFunc(l.oldest, func(a, b idleConnection) int { return cmp.Compare(a.since, b.since) })
	}
	for len(l.oldest) > 0 {
		c := l.oldest[0]
		l.oldest = l.oldest[1:]
		if c.idleSince.CompareAndSwap(c.since, closed) { // else it has had a request since
			return c.connection
		}
	}
	return nil
}

// note is called by fasthttp, before and after each request.
func (l *connections) note(conn net.Conn, state fasthttp.ConnState) {
	c, ok := conn.(*connection)
	if !ok {
		return
	}
	switch state {
	case fasthttp.StateActive:
		if since := c.idleSince.Load(); since != closed && c.idleSince.CompareAndSwap(since, busy) {
			c.unread.Store(true)
		}
	case fasthttp.StateIdle:
		c.unread.Store(false) // fasthttp has discarded it
		c.idleSince.CompareAndSwap(busy, time.Now().UnixNano())
	case fasthttp.StateClosed, fasthttp.StateHijacked:
		c.idleSince.Store(closed)
		l.mu.Lock()
		delete(l.open, c)
		l.mu.Unlock()
	}
}

// isClosed reports whether we have closed the connection when its last request came.
func (c *connection) isClosed() bool { return c.idleSince.Load() == closed }

// Close closes the connection. Where a part of a request is unread it first takes what
// the client still sends, for a while: else the system would reset the connection, and
// the client could lose the answer that says why its request was refused.
func (c *connection) Close() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && c.unread.Load() && tcp.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{c.Conn})
	}
	return c.Conn.Close()
}
