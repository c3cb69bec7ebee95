package tracing

import (
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"time"
)

// SpanID is the id of a span within its trace. The zero value is none.
type SpanID [8]byte

// NewSpanID returns a new id. It is not secret.
func NewSpanID() (id SpanID) {
	binary.NativeEndian.PutUint64(id[:], rand.Uint64()|1) //nolint:gosec // not secret; and never zero
	return id
}

// String returns 16 hexadecimal digits.
func (id SpanID) String() string { return hex.EncodeToString(id[:]) }

// Span is a part of a trace that has ended: a request, or its call of another server.
type Span struct {
	Name      string // one of few, so no path and no value
	Server    bool   // it is the request itself
	Start     time.Time
	Duration  time.Duration
	ErrorType string      // empty: it succeeded
	Attrs     []slog.Attr // by OpenTelemetry's semantic conventions, and nothing of a person

	ID      SpanID // Record sets a missing one
	TraceID string // set by Record, as is Parent
	Parent  Parent
}

// Recorder exports spans. Its methods must be quick and safe for concurrent use: requests
// wait for them.
type Recorder interface {
	// Samples decides at the start of a request whether its spans are recorded.
	Samples(traceID string, parent Parent) bool
	Record(s Span)
}

// recording is what only a recorded call needs.
type recording struct {
	recorder Recorder
	spanID   SpanID // of the request
}

// RecordTo gives r the spans of the call, if r samples its trace. Call it before other
// goroutines have t.
func (t *Trace) RecordTo(r Recorder) {
	if r.Samples(t.TraceID(), t.Parent) {
		t.recording = &recording{r, NewSpanID()}
	}
}

// Recording reports whether spans are recorded. Ask before you make a Span, which costs time.
func (t *Trace) Recording() bool { return t != nil && t.recording != nil }

// Record records a span. It is a child of the request's, unless it is that one.
func (t *Trace) Record(s Span) {
	if !t.Recording() {
		return
	}
	s.TraceID = t.TraceID()
	if s.Server {
		s.ID, s.Parent = t.recording.spanID, t.Parent
	} else {
		s.Parent = Parent{TraceID: s.TraceID, SpanID: t.recording.spanID, State: t.Parent.State, Sampled: true}
	}
	if s.ID == (SpanID{}) {
		s.ID = NewSpanID()
	}
	t.recording.recorder.Record(s)
}
