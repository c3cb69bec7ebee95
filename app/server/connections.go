package server

import (
	"cmp"
	"errors"
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

// retryListener is a listener whose Accept tries again after an error: a server would end,
// and all its connections with it, when no file descriptors are left for a moment.
type retryListener struct {
	net.Listener
	log         *slog.Logger
	failed      func() // is called at each failure
	lastFailure time.Time
}

const (
	acceptPause   = 50 * time.Millisecond // after a failure
	acceptEpisode = 10 * time.Second      // without a failure: the next one is logged again
)

// Accept is part of net.Listener.
func (l *retryListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return conn, err
		}
		if time.Since(l.lastFailure) > acceptEpisode {
			l.log.Warn("cannot accept connections for now; trying again", "address", l.Addr().String(), "error", err)
		}
		l.lastFailure = time.Now()
		l.failed()
		time.Sleep(acceptPause)
	}
}

// connections is the listener of the service's port. When only a twentieth of the limit is
// left, it closes as many of the connections that have been idle for longest, so that new
// ones, such as those of a liveness probe, are still served. HTTP allows a server to close
// a connection between two requests.
type connections struct {
	retryListener
	limit   int // fasthttp refuses those beyond it
	reserve int
	shed    prometheus.Counter

	mu       sync.Mutex
	open     map[*connection]bool
	nextScan time.Time
}

// connection is a client's connection.
type connection struct {
	net.Conn
	idleSince atomic.Int64 // Unix nanoseconds, or busy or closed
	unread    atomic.Bool  // the client may still be sending a part of its request
}

const (
	busy   = 0  // a request is being served
	closed = -1 // by us

	idleMinimum  = time.Second // a connection is idle for at least this long before it is closed
	lingerTime   = 2 * time.Second
	scanInterval = 100 * time.Millisecond // after a scan that found too few idle connections
)

// serveConnections returns a listener for server, which reports the state of its
// connections to it.
func serveConnections(
	listener net.Listener, server *fasthttp.Server, metrics prometheus.Registerer, log *slog.Logger,
) net.Listener {
	failures := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "prefab_http_accept_failures_total",
		Help: "Attempts to accept a connection that failed, for want of file descriptors for instance.",
	})
	l := &connections{
		limit: server.Concurrency, reserve: max(1, server.Concurrency/20),
		shed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "prefab_http_connections_shed_total",
			Help: "Idle connections that were closed to make room for others.",
		}),
		open: make(map[*connection]bool),
	}
	l.retryListener = retryListener{Listener: listener, log: log, failed: func() {
		failures.Inc()
		l.closeIdle()
	}}
	server.ConnState = l.stateChanged
	metrics.MustRegister(failures, l.shed, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "prefab_http_connections",
		Help: "Connections that are open.",
	}, func() float64 { return float64(l.count()) }))
	return l
}

// Accept is part of net.Listener.
func (l *connections) Accept() (net.Conn, error) {
	accepted, err := l.retryListener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: accepted}
	c.idleSince.Store(time.Now().UnixNano())
	l.mu.Lock()
	l.open[c] = true
	l.mu.Unlock()
	if l.count() > l.limit-l.reserve && l.closeIdle() {
		for range 20 { // they end soon; until then fasthttp could refuse this one
			if l.count() <= l.limit {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	return c, nil
}

func (l *connections) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// closeIdle closes the connections that have been idle for longest, as many as the
// reserve, and reports whether there was one. Each call looks at all connections.
func (l *connections) closeIdle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Before(l.nextScan) {
		return false
	}
	type idleConnection struct {
		*connection
		since int64
	}
	var idle []idleConnection
	for c := range l.open {
		if since := c.idleSince.Load(); since > 0 && now.UnixNano()-since >= int64(idleMinimum) {
			idle = append(idle, idleConnection{c, since})
		}
	}
	slices.SortFunc(idle, func(a, b idleConnection) int { return cmp.Compare(a.since, b.since) })
	freed := 0
	for _, c := range idle[:min(len(idle), l.reserve)] {
		if c.idleSince.CompareAndSwap(c.since, closed) { // else it has had a request since
			_ = c.Conn.Close()
			freed++
		}
	}
	if freed < l.reserve {
		l.nextScan = now.Add(scanInterval)
	}
	l.shed.Add(float64(freed))
	return freed > 0
}

// stateChanged is called by fasthttp, before and after each request.
func (l *connections) stateChanged(conn net.Conn, state fasthttp.ConnState) {
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

// isClosed reports whether closeIdle has closed the connection when its last request came.
func (c *connection) isClosed() bool { return c.idleSince.Load() == closed }

// Close closes the connection. If a part of a request is unread, it first reads what the
// client still sends, for a while: otherwise the system would reset the connection, and
// the client could lose the answer that says why its request was refused.
func (c *connection) Close() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && c.unread.Load() && tcp.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{c.Conn})
	}
	return c.Conn.Close()
}

// ownFiles is how many files a process opens beside connections and pools: its standard
// streams, sockets to the supervisor and to Prometheus, templates.
const ownFiles = 64

// fitConnections lowers MaxConnections to what the limit on open files leaves beside the
// pools: without a file descriptor left, PostgreSQL and Redis could not be reached either.
// Go has raised the soft limit to the hard one.
func (s *Settings) fitConnections(log *slog.Logger) {
	files, limited := fileLimit()
	if !limited {
		return
	}
	pools := s.DatabaseMaxConns + s.RedisMaxConns
	if s.DatabaseReplicaURL != "" {
		pools += s.DatabaseMaxConns
	}
	fit := max(files-pools-ownFiles, files/2)
	if fit >= s.MaxConnections {
		return
	}
	log.Warn("the limit on open files is too low for MAX_CONNECTIONS: fewer connections are taken; "+
		"raise it (ulimit -n, LimitNOFILE of systemd, nofile of Docker), or lower MAX_CONNECTIONS",
		"max_connections", s.MaxConnections, "open_files", files, "taken", fit)
	s.MaxConnections = fit
}
