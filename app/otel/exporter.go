//go:build otel

package otel

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// flushTimeout is less than what a supervisor grants a worker beyond SHUTDOWN_TIMEOUT.
const flushTimeout = 3 * time.Second

// Exporter is a tracing.Recorder that sends spans to the receiver in batches.
type Exporter struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	log      *slog.Logger
}

// New returns the exporter that the environment describes, or nil if it names no receiver.
func New(ctx context.Context, log *slog.Logger) (*Exporter, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")+os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return nil, nil //nolint:nilnil // off is no error
	}
	otel.SetLogger(logr.Discard()) // its messages quote OTEL_EXPORTER_OTLP_HEADERS, which holds a secret
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn("spans are lost: the receiver of OTEL_EXPORTER_OTLP_ENDPOINT does not take them", "error", err)
	}))
	client, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("start the export of spans: %w", err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(client), sdk.WithIDGenerator(givenIDs{}))
	return &Exporter{provider, provider.Tracer("example.com/prefab"), log}, nil
}

// Close sends what is queued, for at most 3 s.
func (e *Exporter) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := e.provider.Shutdown(ctx); err != nil {
		e.log.Warn("the last spans are lost", "error", err)
	}
}
