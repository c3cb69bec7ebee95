package tracing_test

import (
	"regexp"
	"strings"
	"testing"

	"example.com/prefab/services/tracing"
)

func TestParseTraceparent_TakesOnlyWhatIsValid(t *testing.T) {
	const traceID, spanID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	const good = "00-" + traceID + "-" + spanID + "-01"
	span := tracing.SpanID{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7}
	for header, want := range map[string]tracing.Parent{
		good:                                     {TraceID: traceID, SpanID: span, Sampled: true},
		"00-" + traceID + "-" + spanID + "-00":   {TraceID: traceID, SpanID: span},
		"00-" + traceID + "-" + spanID + "-fe":   {TraceID: traceID, SpanID: span}, // other flags are not known
		"00-" + traceID + "-" + spanID + "-ff":   {TraceID: traceID, SpanID: span, Sampled: true},
		"cc-" + traceID + "-" + spanID + "-01":   {TraceID: traceID, SpanID: span, Sampled: true}, // a later version
		"cc-" + traceID + "-" + spanID + "-01-x": {TraceID: traceID, SpanID: span, Sampled: true},
		"cc-" + traceID + "-" + spanID + "-01x":  {},
		"ff-" + traceID + "-" + spanID + "-01":   {},
		good + "-x":                              {},
		good + " ":                               {},
		" " + good:                               {},
		good[:len(good)-1]:                       {},
		strings.ToUpper(good):                    {},
		"":                                       {},
		"00-" + strings.Repeat("0", 32) + "-" + spanID + "-01":  {},
		"00-" + traceID + "-" + strings.Repeat("0", 16) + "-01": {},
		"00-" + traceID + "-" + spanID[1:] + "g-01":             {},
		"0x-" + traceID + "-" + spanID + "-01":                  {},
		"00_" + traceID + "_" + spanID + "_01":                  {},
	} {
		got, ok := tracing.ParseTraceparent(header, "")
		if got != want || ok != (want != tracing.Parent{}) {
			t.Errorf("%q: %+v, %v; want %+v", header, got, ok, want)
		}
	}
	for state, want := range map[string]string{
		"a=1,b=2": "a=1,b=2", "a=\x00": "", "a=é": "", strings.Repeat("x", 512): strings.Repeat("x", 512), strings.Repeat("x", 513): "",
	} {
		if got, ok := tracing.ParseTraceparent(good, state); got.State != want || !ok {
			t.Errorf("of the state %q comes %q, %v", state, got.State, ok)
		}
	}
}

func FuzzParseTraceparent(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=1")
	valid := regexp.MustCompile(`^[0-9a-f]{32}$`)
	f.Fuzz(func(t *testing.T, header, state string) {
		if p, ok := tracing.ParseTraceparent(header, state); ok && !valid.MatchString(p.TraceID) {
			t.Errorf("%q gives %+v", header, p)
		}
	})
}

func TestTraceparent_KeepsTheTraceAndNamesANewSpan(t *testing.T) {
	own := &tracing.Trace{ID: tracing.NewID()}
	called := &tracing.Trace{ID: tracing.NewID(), Parent: tracing.Parent{TraceID: tracing.NewID(), Sampled: true}}
	for trace, want := range map[*tracing.Trace]string{
		own: "00-" + own.ID + "-?-00", called: "00-" + called.Parent.TraceID + "-?-01",
	} {
		seen := map[string]bool{}
		for range 3 {
			header := trace.Traceparent()
			parent, ok := tracing.ParseTraceparent(header, "")
			if !ok || parent.TraceID != trace.TraceID() || seen[header] || header[:36]+"?"+header[52:] != want {
				t.Errorf("%q, want %q with a new span", header, want)
			}
			seen[header] = true
		}
	}
	var none *tracing.Trace
	if none.Traceparent()+none.TraceID()+new(tracing.Trace).Traceparent() != "" {
		t.Error("without an id there is a traceparent")
	}
}
