package tracing

import (
	"encoding/hex"
	"strings"
)

// Parent is the caller's part of a trace that crosses services: W3C's Trace Context, level 1.
// The zero value is none.
type Parent struct {
	TraceID string // 32 hexadecimal digits
	SpanID  SpanID // of the caller's span
	State   string // the header tracestate, which is passed on as it is
	Sampled bool   // the caller may have recorded its part
}

// The form of a traceparent: version, trace id, id of the caller's span, flags.
const (
	traceparentLength = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	maxTracestate     = 512 // bytes; a longer one is dropped
	flagSampled       = 1
)

// ParseTraceparent reads the headers traceparent and tracestate. What is not valid counts
// as absent. The result does not share memory with the headers.
func ParseTraceparent(header, state string) (p Parent, ok bool) {
	if len(header) < traceparentLength || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return Parent{}, false
	}
	version, traceID, spanID, flags := header[:2], header[3:35], header[36:52], header[53:55]
	switch {
	case !isLowerHex(version + traceID + spanID + flags), version == "ff", isZero(traceID), isZero(spanID):
		return Parent{}, false
	case len(header) > traceparentLength && (version == "00" || header[traceparentLength] != '-'):
		return Parent{}, false // a later version may add fields
	}
	bits, _ := hex.DecodeString(flags)
	p = Parent{TraceID: strings.Clone(traceID), Sampled: bits[0]&flagSampled != 0}
	_, _ = hex.Decode(p.SpanID[:], []byte(spanID)) // its digits are checked
	visible := func(r rune) bool { return r >= ' ' && r <= '~' }
	if len(state) <= maxTracestate && strings.IndexFunc(state, func(r rune) bool { return !visible(r) }) < 0 {
		p.State = strings.Clone(state)
	}
	return p, true
}

func isLowerHex(text string) bool { return strings.Trim(text, "0123456789abcdef") == "" }

func isZero(text string) bool { return strings.Trim(text, "0") == "" }

// TraceID is the caller's trace id, or the request id, which has the same form. A job's run
// has none.
func (t *Trace) TraceID() string {
	switch {
	case t == nil:
		return ""
	case t.Parent.TraceID != "":
		return t.Parent.TraceID
	}
	return t.ID
}

// Traceparent returns the header traceparent for a statement, or "" without a trace id. It
// names the request's span if that is recorded, and else one that nobody records.
func (t *Trace) Traceparent() string {
	if t.Recording() {
		return t.TraceparentOf(t.recording.spanID)
	}
	return t.TraceparentOf(NewSpanID())
}

// TraceparentOf returns the header traceparent for a call of another service, which is the
// span id, or "" without a trace id. It says whether this service or its caller records spans.
func (t *Trace) TraceparentOf(id SpanID) string {
	traceID := t.TraceID()
	if traceID == "" {
		return ""
	}
	flags := "-00"
	if t.Parent.Sampled || t.Recording() {
		flags = "-01"
	}
	return "00-" + traceID + "-" + id.String() + flags
}
