package httpclient_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/prefab/repositories/httpclient"
	"example.com/prefab/services/tracing"
)

type recorder struct {
	mu    sync.Mutex
	spans []tracing.Span
}

func (r *recorder) Samples(string, tracing.Parent) bool { return true }

func (r *recorder) Record(s tracing.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, s)
}

// overdue is a context whose deadline has passed, and whose timer has not fired yet.
type overdue struct{ context.Context }

func (overdue) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

func TestSpans_DescribeCallsWithoutTheURL(t *testing.T) {
	t.Parallel()
	headers, end := make(chan string, 10), make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		headers <- r.Header.Get("traceparent")
		switch r.URL.Path {
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		case "/silent":
			<-end
		}
	})
	t.Cleanup(func() { close(end) })
	client := newClient(t, httpclient.Options{Name: "rates", Timeout: 300 * time.Millisecond})
	var to recorder
	trace := &tracing.Trace{ID: tracing.NewID()}
	trace.RecordTo(&to)
	ctx := tracing.With(t.Context(), trace)
	for _, c := range []struct{ url, attr, failed string }{
		{url + "/ok", "http.response.status_code=200", ""},
		{url + "/missing", "http.response.status_code=404", "404"},
		{url + "/silent", "", "timeout"},
		{"http://127.0.0.1:1/nobody", "server.port=1", "_OTHER"},
	} {
		to.spans = nil
		_, _ = call(ctx, client, "GET", c.url+"?token=hunter2")
		if len(to.spans) != 1 {
			t.Fatalf("%s: recorded is %+v", c.url, to.spans)
		}
		span := to.spans[0]
		text := fmt.Sprint(span.Attrs)
		if span.Name != "GET rates" || span.ErrorType != c.failed || span.Server || span.Duration <= 0 || span.Start.IsZero() {
			t.Errorf("%s: %+v", c.url, span)
		}
		if !strings.Contains(text, "server.address=127.0.0.1") || !strings.Contains(text, c.attr) ||
			!strings.Contains(text, "http.request.method=GET") || strings.Contains(text, "hunter2") {
			t.Errorf("%s: %s", c.url, text)
		}
		if c.failed == "_OTHER" {
			continue
		}
		if p, ok := tracing.ParseTraceparent(<-headers, ""); !ok || p.SpanID != span.ID || !p.Sampled {
			t.Errorf("%s: the other gets the parent %+v, want the span %s", c.url, p, span.ID)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	to.spans = nil
	if _, err := call(cancelled, client, "GET", url); err == nil || len(to.spans) != 1 || to.spans[0].ErrorType != "cancelled" {
		t.Errorf("cancelled: %v, %+v", err, to.spans)
	}
	to.spans = nil
	if _, err := call(overdue{ctx}, client, "GET", url+"/silent"); err == nil || len(to.spans) != 1 || to.spans[0].ErrorType != "timeout" {
		t.Errorf("the client's timer is the first: %v, %+v", err, to.spans)
	}
}
