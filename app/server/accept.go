package server

import (
	"errors"
	"log/slog"
	"net"
	"slices"
	"syscall"
	"time"
)

// steadyListener is a listener whose Accept tries again after errors that pass by
// themselves: no file descriptors or memory left, or a connection that broke before it
// was accepted. A server ends at such an error, and all its connections with it.
type steadyListener struct {
	net.Listener
	failed func() (freed bool) // is called at each failure; it may free a file descriptor; nil: nothing can
	log    *slog.Logger

	lastFailure time.Time
}

const (
	acceptPause   = 50 * time.Millisecond
	acceptEpisode = 10 * time.Second // without a failure: the next one is logged again
)

// Accept is part of net.Listener.
func (l *steadyListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err == nil || !isTemporary(err) {
			return conn, err
		}
		if time.Since(l.lastFailure) > acceptEpisode {
			l.log.Warn("cannot accept connections for now; trying again", "address", l.Addr().String(), "error", err)
		}
		l.lastFailure = time.Now()
		if l.failed != nil && l.failed() {
			time.Sleep(time.Millisecond) // a connection that was closed ends soon
		} else {
			time.Sleep(acceptPause)
		}
	}
}

// isTemporary reports whether accept(2) may succeed after the error. Linux also passes
// errors on that the network had for the new connection.
func isTemporary(err error) bool {
	var number syscall.Errno
	return errors.As(err, &number) && slices.Contains([]syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR, syscall.EPERM, syscall.EPROTO, syscall.ENOPROTOOPT,
		syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ETIMEDOUT,
	}, number)
}
