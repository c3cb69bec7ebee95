package httpclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/httpclient"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
	"example.com/prefab/services/transaction"
)

// serve starts another service.
func serve(t *testing.T, handler http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func newClient(t *testing.T, o httpclient.Options) *http.Client {
	t.Helper()
	client := httpclient.New(o)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// call makes a call and reads its answer.
func call(ctx context.Context, client *http.Client, method, url string) (body string, err error) {
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", httpclient.WrapError("ask", err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return string(content), httpclient.WrapError("read", err)
}

func TestClient_PassesTheTraceOnAsASpanOfItsOwn(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("traceparent"), " ", r.Header.Get("tracestate"))
	})
	client := newClient(t, httpclient.Options{Name: "other"})
	parent := tracing.Parent{TraceID: tracing.NewID(), State: "a=1", Sampled: true}
	ctx := tracing.With(t.Context(), &tracing.Trace{ID: tracing.NewID(), Parent: parent})
	seen := map[string]bool{}
	for range 3 {
		body, err := call(ctx, client, "GET", url)
		header, state, _ := strings.Cut(body, " ")
		got, ok := tracing.ParseTraceparent(header, state)
		if got.SpanID = parent.SpanID; err != nil || !ok || got != parent || seen[header] {
			t.Errorf("it gets %q, %v", body, err)
		}
		seen[header] = true
	}
	if body, err := call(t.Context(), client, "GET", url); body != " " || err != nil {
		t.Errorf("without a trace it gets %q, %v", body, err)
	}
}

func TestClient_BoundsAnswers(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/fits":
			fmt.Fprint(w, strings.Repeat("x", 10))
		case "/told":
			fmt.Fprint(w, strings.Repeat("x", 11))
		case "/streamed":
			for range 11 {
				fmt.Fprint(w, "x")
				_ = http.NewResponseController(w).Flush()
			}
		case "/header":
			w.Header().Set("X-Long", strings.Repeat("x", 100<<10))
		}
	})
	unbounded := newClient(t, httpclient.Options{MaxBody: math.MaxInt64})
	if body, err := call(t.Context(), unbounded, "GET", url+"/streamed"); len(body) != 11 || err != nil {
		t.Errorf("without a bound: %q, error %v", body, err)
	}
	client := newClient(t, httpclient.Options{MaxBody: 10})
	for path, want := range map[string]error{
		"/fits": nil, "/told": httpclient.ErrTooLong, "/streamed": httpclient.ErrTooLong, "/header": problem.ErrUnavailable,
	} {
		body, err := call(t.Context(), client, "GET", url+path)
		if !errors.Is(err, want) || len(body) > 10 || want == nil && len(body) != 10 {
			t.Errorf("%s: %q, %v; want %v", path, body, err, want)
		}
	}
}

func TestClient_EndsInTimeWhateverTheOtherDoes(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	end := make(chan struct{})
	slow := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "x")
		_ = http.NewResponseController(w).Flush()
		<-end
	})
	t.Cleanup(func() { close(end) })
	client := newClient(t, httpclient.Options{Timeout: 200 * time.Millisecond})
	for name, url := range map[string]string{
		"no header": "http://" + silent.Addr().String(), "no TLS": "https://" + silent.Addr().String(), "half a body": slow,
		"nobody": "http://127.0.0.1:1",
	} {
		_, err := call(t.Context(), client, "GET", url+"/?token=hunter2")
		if problem.CodeOf(err) != problem.Unavailable || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestClient_BoundsConnections(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	arrived, leave := make(chan struct{}, 10), make(chan struct{})
	url := serve(t, func(http.ResponseWriter, *http.Request) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		arrived <- struct{}{}
		<-leave
		now.Add(-1)
	})
	client := newClient(t, httpclient.Options{MaxConns: 2})
	var calls sync.WaitGroup
	for range 6 {
		calls.Go(func() {
			if _, err := call(t.Context(), client, "GET", url); err != nil {
				t.Error(err)
			}
		})
	}
	<-arrived
	<-arrived
	close(leave)
	calls.Wait()
	if n := most.Load(); n > 2 {
		t.Errorf("%d calls ran at once", n)
	}
}

func TestClient_CountsByNameAndClassOfStatus(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.WriteHeader(status)
	})
	registry := prometheus.NewRegistry()
	rates := newClient(t, httpclient.Options{Name: "rates", Metrics: registry})
	mail := newClient(t, httpclient.Options{Name: "mail", Metrics: registry})
	for _, path := range []string{"/200", "/204", "/404", "/503"} {
		if _, err := call(t.Context(), rates, "GET", url+path); err != nil {
			t.Error(err)
		}
	}
	if _, err := call(t.Context(), mail, "GET", "http://127.0.0.1:1"); err == nil {
		t.Error("nobody answers, and there is no error")
	}
	text, err := testutil.CollectAndFormat(registry, expfmt.TypeTextPlain, "prefab_http_client_duration_seconds")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`_count{client="rates",outcome="2xx"} 2`, `_count{client="rates",outcome="4xx"} 1`,
		`_count{client="rates",outcome="5xx"} 1`, `_count{client="mail",outcome="error"} 1`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s has no %s", text, want)
		}
	}
}

// A call that changes something keeps a transaction from running again.
func TestClient_TellsTheTransaction(t *testing.T) {
	t.Parallel()
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	client := newClient(t, httpclient.Options{})
	for method, repeatable := range map[string]bool{"GET": true, "HEAD": true, "POST": false, "DELETE": false} {
		ctx, running := transaction.Begin(t.Context(), time.Now().Add(time.Minute))
		if _, err := call(ctx, client, method, url); err != nil {
			t.Error(err)
		}
		if running.Repeatable() != repeatable {
			t.Errorf("after %s it is repeatable: %v", method, running.Repeatable())
		}
	}
}

func TestClient_LeavesNoConnectionBehind(t *testing.T) {
	t.Parallel()
	var open atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, strings.Repeat("x", 1<<20))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := httpclient.New(httpclient.Options{MaxBody: 10})
	if _, err := call(t.Context(), client, "GET", server.URL); !errors.Is(err, httpclient.ErrTooLong) {
		t.Errorf("error %v", err)
	}
	client.CloseIdleConnections()
	devtest.Eventually(t, "all connections are closed", func() bool { return open.Load() == 0 })
}
