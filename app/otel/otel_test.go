//go:build otel

package otel_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/app/otel"
	"example.com/prefab/app/server"
	"example.com/prefab/app/settings"
	"example.com/prefab/middleware/request"
	"example.com/prefab/repositories/httpclient"
	"example.com/prefab/services/health"
)

func TestMain(m *testing.M) { os.Exit(devtest.Run(m)) }

const (
	traceID, parentID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	traceparent       = "00-" + traceID + "-" + parentID + "-01"
)

// receiver is an OTLP receiver.
type receiver struct {
	mu       sync.Mutex
	spans    map[string]*tracepb.Span // by name
	resource string
}

// newReceiver starts a receiver, and names it in the environment.
func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{spans: make(map[string]*tracepb.Span)}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		var export collector.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &export) != nil || request.URL.Path != "/v1/traces" {
			t.Errorf("%s is no export: %v", request.URL.Path, err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, resource := range export.GetResourceSpans() {
			r.resource = resource.GetResource().String()
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					r.spans[span.GetName()] = span
				}
			}
		}
	}))
	t.Cleanup(srv.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", srv.URL)
	t.Setenv("OTEL_SERVICE_NAME", "lamps")
	return r
}

// serve starts the service, whose route asks PostgreSQL and the service at other. stop drains it.
func serve(t *testing.T, other string) (url string, stop func()) {
	t.Helper()
	s, err := settings.Load[server.Settings]([]string{"DATABASE_URL=" + devtest.EmptyDatabase(t), "REDIS_URL=" + devtest.Redis(t)}, "none")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	built := make(chan *health.Monitor, 1)
	build := func(p *server.Process) (*server.Service, error) {
		built <- p.Health
		client := httpclient.New(httpclient.Options{Name: "other"})
		app := p.NewApp(nil, fiber.DefaultErrorHandler)
		app.Get("/lamps/:name", func(c *fiber.Ctx) error {
			ctx := c.UserContext()
			if _, err := p.DB.ExecContext(ctx, "-- name: lamps.find\nSELECT $1::text", c.Params("name")); err != nil {
				return err
			}
			call, err := http.NewRequestWithContext(ctx, http.MethodGet, other, nil)
			if err != nil {
				return err
			}
			response, err := client.Do(call)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			return fiber.ErrBadGateway
		})
		request.NameRoutes(app)
		return &server.Service{App: app, Health: p.NewHealth(nil)}, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- server.Serve(ctx, server.Options{Settings: s, Log: slog.New(slog.DiscardHandler), Build: build}, listener)
	}()
	monitor := <-built
	devtest.Eventually(t, "it is ready", func() bool { return monitor.State() == health.Ready })
	return "http://" + listener.Addr().String(), sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func get(t *testing.T, url, traceparent string) (status int) {
	t.Helper()
	call, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	call.Header.Set("Traceparent", traceparent)
	response, err := http.DefaultClient.Do(call)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// newOther starts another service, which keeps the traceparent of its last call.
func newOther(t *testing.T) (url string, seen func() string) {
	t.Helper()
	headers := make(chan string, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		headers <- r.Header.Get("traceparent")
	}))
	t.Cleanup(srv.Close)
	return srv.URL, func() string { return <-headers }
}

func TestExport_ConnectsTheSpansOfARequest(t *testing.T) {
	to := newReceiver(t)
	other, seen := newOther(t)
	url, stop := serve(t, other+"/secret?token=hunter2")
	defer stop()
	if status := get(t, url+"/lamps/ada?q=ada", traceparent); status != fiber.StatusBadGateway {
		t.Fatalf("the answer is %d", status)
	}
	stop() // sends what is queued
	to.mu.Lock()
	defer to.mu.Unlock()
	request, statement, call := to.spans["GET /lamps/:name"], to.spans["lamps.find"], to.spans["GET other"]
	if request == nil || statement == nil || call == nil {
		t.Fatalf("received are %v", to.spans)
	}
	id := hex.EncodeToString(request.GetSpanId())
	for _, c := range []struct {
		span   *tracepb.Span
		kind   tracepb.Span_SpanKind
		parent string
		failed tracepb.Status_StatusCode
		attrs  []string
	}{
		{request, tracepb.Span_SPAN_KIND_SERVER, parentID, tracepb.Status_STATUS_CODE_ERROR,
			[]string{"http.request.method GET", "http.route /lamps/:name", "http.response.status_code 502", "error.type 502"}},
		{statement, tracepb.Span_SPAN_KIND_CLIENT, id, tracepb.Status_STATUS_CODE_UNSET,
			[]string{"db.system.name postgresql", "db.query.text -- name: lamps.find\nSELECT $1::text"}},
		{call, tracepb.Span_SPAN_KIND_CLIENT, id, tracepb.Status_STATUS_CODE_UNSET,
			[]string{"http.request.method GET", "http.response.status_code 200", "server.address 127.0.0.1"}},
	} {
		var text string
		for _, attr := range c.span.GetAttributes() {
			value := attr.GetValue().GetStringValue()
			if n := attr.GetValue().GetIntValue(); n != 0 {
				value = fmt.Sprint(n)
			}
			text += attr.GetKey() + " " + value + "|"
		}
		for _, want := range c.attrs {
			if !strings.Contains(text, want+"|") {
				t.Errorf("%s lacks %q: %s", c.span.GetName(), want, text)
			}
		}
		if got := hex.EncodeToString(c.span.GetParentSpanId()); got != c.parent || hex.EncodeToString(c.span.GetTraceId()) != traceID {
			t.Errorf("%s has the parent %s in %x", c.span.GetName(), got, c.span.GetTraceId())
		}
		if c.span.GetKind() != c.kind || c.span.GetStatus().GetCode() != c.failed {
			t.Errorf("%s is %s, %s", c.span.GetName(), c.span.GetKind(), c.span.GetStatus())
		}
		if c.span.GetStartTimeUnixNano() < request.GetStartTimeUnixNano() || c.span.GetEndTimeUnixNano() > request.GetEndTimeUnixNano() {
			t.Errorf("%s is not within the request", c.span.GetName())
		}
		if whole := c.span.String(); strings.Contains(whole, "ada") || strings.Contains(whole, "hunter2") {
			t.Errorf("it holds a value: %s", whole)
		}
	}
	if got, want := seen(), "00-"+traceID+"-"+hex.EncodeToString(call.GetSpanId())+"-01"; got != want {
		t.Errorf("the other service gets %s, want %s", got, want)
	}
	if !strings.Contains(to.resource, "lamps") {
		t.Errorf("the resource is %s", to.resource)
	}
}

func TestExport_LetsTheSamplerDecide(t *testing.T) {
	for name, c := range map[string]struct {
		sampler, traceparent string
		want                 bool
	}{
		"a trace of its own":           {"", "", true},
		"the caller does not sample":   {"", strings.TrimSuffix(traceparent, "1") + "0", false},
		"off":                          {"always_off", traceparent, false},
		"none of its own":              {"parentbased_always_off", "", false},
		"whatever the caller has said": {"always_on", strings.TrimSuffix(traceparent, "1") + "0", true},
	} {
		t.Run(name, func(t *testing.T) {
			to := newReceiver(t)
			t.Setenv("OTEL_TRACES_SAMPLER", c.sampler)
			other, seen := newOther(t)
			url, stop := serve(t, other)
			defer stop()
			get(t, url+"/lamps/ada", c.traceparent)
			stop()
			to.mu.Lock()
			defer to.mu.Unlock()
			if got := len(to.spans); got != map[bool]int{true: 3}[c.want] {
				t.Errorf("received are %v", to.spans)
			}
			if sampled := strings.HasSuffix(seen(), "-01"); c.want && !sampled {
				t.Error("the other service is told that the trace is not sampled")
			}
		})
	}
}

func TestExport_OfAReceiverThatHangsCostsNoRequest(t *testing.T) {
	hangs, end := make(chan struct{}, 100), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hangs <- struct{}{}; <-end }))
	defer srv.Close()
	defer close(end)
	for name, value := range map[string]string{
		"ENDPOINT": srv.URL, "TIMEOUT": "60000", // ms
	} {
		t.Setenv("OTEL_EXPORTER_OTLP_"+name, value)
	}
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
	other, _ := newOther(t)
	url, stop := serve(t, other)
	get(t, url+"/lamps/ada", traceparent)
	<-hangs
	for range 20 { // fills the queue many times over
		if status := get(t, url+"/lamps/ada", traceparent); status != fiber.StatusBadGateway {
			t.Fatalf("the answer is %d", status)
		}
	}
	stop() // in time, too, or the test does not end
}

func TestNew_IsOffWithoutAReceiver(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	if exporter, err := otel.New(t.Context(), slog.New(slog.DiscardHandler)); exporter != nil || err != nil {
		t.Errorf("it is %v, error %v", exporter, err)
	}
}
