// Package httpclient makes clients of other services' HTTP APIs. It promises that
//
//   - a call ends in time, whatever the other service does;
//   - connections and bodies are bounded;
//   - a call belongs to the trace of its request, by the header traceparent;
//   - nothing is tried again by this package: only the caller knows what may be.
//
// For example:
//
//	client := httpclient.New(httpclient.Options{Name: "rates", Metrics: p.Metrics})
//
//	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/rates/EUR", nil)
//	…
//	response, err := s.client.Do(request)
//	if err != nil {
//		return Rate{}, httpclient.WrapError("read a rate", err)
//	}
//	defer response.Body.Close()
package httpclient

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/services/problem"
)

// Options say what a client may use. A zero one stands for the value in its comment.
type Options struct {
	Name     string                // of the other service, in metrics and spans
	Timeout  time.Duration         // of a call with its body; 10 s. A context's deadline holds too
	MaxConns int                   // to each address; 32. A call waits for one within its time
	MaxBody  int64                 // bytes of an answer's body; 1 MiB
	Metrics  prometheus.Registerer // nil leaves them out
}

const (
	connectTimeout = 3 * time.Second // for the connection, and again for TLS
	idleTimeout    = time.Minute     // of a connection without calls
	maxHeader      = 64 << 10        // bytes of an answer's header

	defaultTimeout  = 10 * time.Second
	defaultMaxConns = 32
	defaultMaxBody  = 1 << 20
)

// New returns a client. Make one for each service, once.
func New(o Options) *http.Client {
	timeout, conns := cmp.Or(o.Timeout, defaultTimeout), cmp.Or(o.MaxConns, defaultMaxConns)
	dialer := &net.Dialer{Timeout: min(connectTimeout, timeout)}
	return &http.Client{
		Timeout: timeout,
		Transport: &transport{
			name: o.Name, maxBody: cmp.Or(o.MaxBody, defaultMaxBody), durations: newDurations(o.Name, o.Metrics),
			next: &http.Transport{
				Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
				TLSHandshakeTimeout: min(connectTimeout, timeout), ResponseHeaderTimeout: timeout,
				IdleConnTimeout: idleTimeout, MaxConnsPerHost: conns, MaxIdleConns: conns, MaxIdleConnsPerHost: conns,
				MaxResponseHeaderBytes: maxHeader,
			},
		},
	}
}

// WrapError adds to the error of a call, or of reading its body, what the store was doing.
// It leaves out the URL, whose query may hold secrets. A failure to reach the service, or to
// get its answer in time, becomes a problem.ErrUnavailable.
func WrapError(doing string, err error) error {
	if err == nil {
		return nil
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if errors.Is(err, ErrTooLong) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, problem.ErrUnavailable, err)
}
