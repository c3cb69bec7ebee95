//go:build !otel

package server

import "testing"

func TestRecordSpans_IsOffWithoutTheTag(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	var p Process
	flush, err := p.recordSpans(t.Context())
	if flush(); err != nil || p.spans != nil {
		t.Errorf("spans go to %v, error %v", p.spans, err)
	}
}
