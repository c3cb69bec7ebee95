package httpclient

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/services/tracing"
	"example.com/prefab/services/transaction"
)

// ErrTooLong says that an answer's body is longer than MaxBody. What was read of it is no
// whole answer.
var ErrTooLong = errors.New("the answer's body is too long")

type transport struct {
	name      string // of the other service
	next      http.RoundTripper
	maxBody   int64
	durations prometheus.ObserverVec // nil: no metrics
}

// newDurations registers the histogram of a client. All clients of a registry share its name.
func newDurations(name string, metrics prometheus.Registerer) prometheus.ObserverVec {
	if metrics == nil {
		return nil
	}
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:        "prefab_http_client_duration_seconds",
		Help:        "Time from a call of another service until the header of its answer.",
		ConstLabels: prometheus.Labels{"client": name},
		Buckets:     []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"outcome"})
	metrics.MustRegister(durations)
	return durations
}

// RoundTrip is part of http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	if request.Method != http.MethodGet && request.Method != http.MethodHead {
		transaction.From(ctx).MarkExternal() // a rollback does not undo it
	}
	id, start := tracing.NewSpanID(), time.Now()
	response, err := t.next.RoundTrip(traced(request, id))
	outcome := "error"
	if err == nil {
		outcome = strconv.Itoa(response.StatusCode/100) + "xx"
	}
	duration := time.Since(start)
	if t.durations != nil {
		t.durations.WithLabelValues(outcome).Observe(duration.Seconds())
	}
	if trace := tracing.From(ctx); trace.Recording() {
		span := t.span(request, response, err)
		span.ID, span.Start, span.Duration = id, start, duration
		trace.Record(span)
	}
	if err != nil {
		return nil, err
	}
	if response.ContentLength > t.maxBody && request.Method != http.MethodHead {
		_ = response.Body.Close()
		return nil, ErrTooLong
	}
	if _, upgraded := response.Body.(io.Writer); !upgraded { // such as a WebSocket, which is no body
		response.Body = &limitedBody{response.Body, t.maxBody}
	}
	return response, nil
}

// traced returns the request with the trace of its context, as the span id. A RoundTripper
// must not change the request itself.
func traced(request *http.Request, id tracing.SpanID) *http.Request {
	trace := tracing.From(request.Context())
	traceparent := trace.TraceparentOf(id)
	if traceparent == "" || request.Header.Get("Traceparent") != "" {
		return request
	}
	request = request.Clone(request.Context())
	request.Header.Set("Traceparent", traceparent)
	if trace.Parent.State != "" {
		request.Header.Set("Tracestate", trace.Parent.State)
	}
	return request
}

// limitedBody is a body of which left bytes may still be read.
type limitedBody struct {
	io.ReadCloser
	left int64
}

// Read is part of io.Reader.
func (b *limitedBody) Read(p []byte) (int, error) {
	if int64(len(p))-1 > b.left {
		p = p[:b.left+1] // one more shows that there is more
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), ErrTooLong
	}
	b.left -= int64(n)
	return n, err
}
