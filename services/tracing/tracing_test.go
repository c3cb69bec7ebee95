package tracing_test

import (
	"net/netip"
	"sync"
	"testing"

	"example.com/prefab/services/tracing"
)

func TestTrace_NoneIsAValidOne(t *testing.T) {
	trace := tracing.From(t.Context())
	trace.CountQuery()
	if trace != nil || trace.Queries() != 0 || trace.ClientAddress() != (netip.Addr{}) {
		t.Errorf("trace %v, %d queries, address %v", trace, trace.Queries(), trace.ClientAddress())
	}
	if tracing.From(tracing.With(t.Context(), nil)) != nil {
		t.Error("a nil trace has become another one")
	}
}

func TestTrace_CountsFromManyGoroutines(t *testing.T) {
	address := netip.MustParseAddr("192.0.2.1")
	ctx := tracing.With(t.Context(), &tracing.Trace{ID: "a", Address: address})
	var calls sync.WaitGroup
	for range 100 {
		calls.Go(func() { tracing.From(ctx).CountQuery() })
	}
	calls.Wait()
	if trace := tracing.From(ctx); trace.Queries() != 100 || trace.ClientAddress() != address || trace.ID != "a" {
		t.Errorf("trace %q, %d queries, address %v", trace.ID, trace.Queries(), trace.ClientAddress())
	}
}

func TestTrace_WithoutOneEveryAnswerIsPrivate(t *testing.T) {
	var none *tracing.Trace
	none.MarkPrivate()
	trace := new(tracing.Trace)
	if !none.Private() || trace.Private() {
		t.Errorf("private: %v without a trace, %v with one", none.Private(), trace.Private())
	}
	if trace.MarkPrivate(); !trace.Private() {
		t.Error("the mark is lost")
	}
}
