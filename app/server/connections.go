package server

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/tracing"
)

// connections is the listener of the service's port. Its Accept tries again after an error:
// fasthttp would end, and all its connections with it, when no file descriptors are left
// for a moment.
type connections struct {
	net.Listener
	log         *slog.Logger
	failures    prometheus.Counter
	lastFailure time.Time

	mu   sync.Mutex
	open map[*connection]struct{} // touched at the beginning and the end of each only
}

const (
	acceptPause   = 50 * time.Millisecond // after a failure
	acceptEpisode = 10 * time.Second      // without a failure: the next one is logged again
	lingerTime    = 2 * time.Second
)

// connection is a client's connection.
type connection struct {
	net.Conn
	listener *connections
	unread   atomic.Bool                   // the client may still be sending a part of its request
	trace    atomic.Pointer[tracing.Trace] // of the request that is being handled; see follow
}

// serveConnections returns a listener for server, which reports the state of its
// connections to it.
func serveConnections(
	listener net.Listener, server *fasthttp.Server, metrics prometheus.Registerer, log *slog.Logger,
) *connections {
	failures := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "prefab_http_accept_failures_total",
		Help: "Attempts to accept a connection that failed, for want of file descriptors for instance.",
	})
	metrics.MustRegister(failures, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "prefab_http_connections",
		Help: "Connections that are open.",
	}, func() float64 { return float64(max(0, server.GetOpenConnectionsCount())) })) // -1 before it serves
	server.ConnState = func(conn net.Conn, state fasthttp.ConnState) {
		if c, ok := conn.(*connection); ok {
			c.unread.Store(state == fasthttp.StateActive) // fasthttp discards the rest before it waits for the next
		}
	}
	return &connections{Listener: listener, log: log, failures: failures, open: make(map[*connection]struct{})}
}

// Accept is part of net.Listener.
func (l *connections) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		switch {
		case err == nil:
			c := &connection{Conn: conn, listener: l}
			l.mu.Lock()
			l.open[c] = struct{}{}
			l.mu.Unlock()
			return c, nil
		case errors.Is(err, net.ErrClosed):
			return nil, err
		case time.Since(l.lastFailure) > acceptEpisode:
			l.log.Warn("cannot accept connections for now; trying again", "address", l.Addr().String(), "error", err)
		}
		l.lastFailure = time.Now()
		l.failures.Inc()
		time.Sleep(acceptPause)
	}
}

// Close closes the connection. If a part of a request is unread, it first reads what the
// client still sends, for a while: otherwise the system would reset the connection, and
// the client could lose the answer that says why its request was refused.
func (c *connection) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.open, c)
	c.listener.mu.Unlock()
	if tcp, ok := c.Conn.(*net.TCPConn); ok && c.unread.Load() && tcp.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{c.Conn})
	}
	return c.Conn.Close()
}
