package tracing

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
)

// Parent is the caller's part of a trace that crosses services: W3C's Trace Context, level 1.
// The zero value is none.
type Parent struct {
	TraceID string // 32 hexadecimal digits
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

// Traceparent returns the header traceparent for a call to another service or a statement,
// with a span id of its own, or "" without a trace id. It says that this service records no
// spans, unless the caller does.
func (t *Trace) Traceparent() string {
	traceID := t.TraceID()
	if traceID == "" {
		return ""
	}
	flags := "-00"
	if t.Parent.Sampled {
		flags = "-01"
	}
	var span [8]byte
	binary.NativeEndian.PutUint64(span[:], rand.Uint64()|1) //nolint:gosec // not secret; and never zero
	return "00-" + traceID + "-" + hex.EncodeToString(span[:]) + flags
}
