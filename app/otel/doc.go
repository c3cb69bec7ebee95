// Package otel exports the spans of requests by OTLP over HTTP. It is part of the program only
// with the build tag "otel", as the SDK is large. It promises that
//
//   - nothing is exported unless OTEL_EXPORTER_OTLP_ENDPOINT is set;
//   - no request waits for a receiver: spans that do not fit in a bounded queue are dropped;
//   - the standard variables OTEL_* of the environment configure it, and nothing else.
//
// For example:
//
//	exporter, err := otel.New(ctx, log)
//	if err != nil || exporter == nil { // nil: it is off
//		return err
//	}
//	defer exporter.Close()
//	app.Use(request.Trace(timeout, proxies), request.Spans(exporter))
package otel
