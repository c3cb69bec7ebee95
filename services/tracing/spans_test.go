package tracing_test

import (
	"strings"
	"testing"

	"example.com/prefab/services/tracing"
)

// recorder keeps spans, of sampled traces only.
type recorder struct {
	refuses bool
	spans   []tracing.Span
}

func (r *recorder) Samples(string, tracing.Parent) bool { return !r.refuses }
func (r *recorder) Record(s tracing.Span)               { r.spans = append(r.spans, s) }

func TestRecord_ConnectsTheSpansOfARequest(t *testing.T) {
	var to recorder
	called := tracing.Parent{TraceID: tracing.NewID(), SpanID: tracing.NewSpanID(), State: "a=1"}
	for _, parent := range []tracing.Parent{called, {}} {
		to.spans = nil
		trace := &tracing.Trace{ID: tracing.NewID(), Parent: parent}
		trace.RecordTo(&to)
		id := tracing.NewSpanID()
		trace.Record(tracing.Span{Name: "call", ID: id})
		trace.Record(tracing.Span{Name: "products.list"})
		trace.Record(tracing.Span{Name: "GET /", Server: true})
		call, statement, request := to.spans[0], to.spans[1], to.spans[2]
		if request.Parent != parent || request.TraceID != trace.TraceID() || request.ID == (tracing.SpanID{}) {
			t.Errorf("the request is %+v, want the parent %+v", request, parent)
		}
		want := tracing.Parent{TraceID: trace.TraceID(), SpanID: request.ID, State: parent.State, Sampled: true}
		if call.Parent != want || statement.Parent != want || call.ID != id || statement.ID == id || statement.ID == request.ID {
			t.Errorf("the calls are %+v and %+v, want the parent %+v", call, statement, want)
		}
		for got, want := range map[string]tracing.SpanID{trace.TraceparentOf(id): id, trace.Traceparent(): request.ID} {
			if p, ok := tracing.ParseTraceparent(got, ""); !ok || p.SpanID != want || !p.Sampled || p.TraceID != trace.TraceID() {
				t.Errorf("the header is %q, want the span %s, sampled", got, want)
			}
		}
	}
}

func TestRecord_DoesNothingForTracesThatAreNotSampled(t *testing.T) {
	to := recorder{refuses: true}
	trace := &tracing.Trace{ID: tracing.NewID()}
	trace.RecordTo(&to)
	trace.Record(tracing.Span{Name: "GET /", Server: true})
	if trace.Recording() || len(to.spans) > 0 || !strings.HasSuffix(trace.Traceparent(), "-00") {
		t.Errorf("recorded are %+v; the header is %q", to.spans, trace.Traceparent())
	}
}

func TestRecord_CostsNothingWhenOff(t *testing.T) {
	for _, trace := range []*tracing.Trace{nil, {ID: tracing.NewID()}} {
		if n := testing.AllocsPerRun(100, func() {
			if trace.Recording() {
				t.Error("it records")
			}
			trace.Record(tracing.Span{Name: "GET /"})
		}); n > 0 {
			t.Errorf("%v allocations", n)
		}
	}
}
