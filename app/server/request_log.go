package server

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"example.com/prefab/middleware/request"
)

// requestHandler writes the lines of requests as slog.JSONHandler would, but several times
// as fast, and several lines with one write.
type requestHandler struct {
	traceHandler
	lines *lineBuffer
	attrs []slog.Attr // of every line

	prefixes map[prefixKey][]byte // guarded by lines
}

type prefixKey struct {
	level slog.Level
	route string
}

// WithAttrs is part of slog.Handler.
func (h *requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &requestHandler{
		traceHandler: traceHandler{h.Handler.WithAttrs(attrs)}, lines: h.lines,
		attrs: slices.Concat(h.attrs, attrs), prefixes: make(map[prefixKey][]byte),
	}
}

// LogRequest writes the line of a request that has an id.
func (h *requestHandler) LogRequest(line request.Line) {
	h.lines.mu.Lock()
	defer h.lines.mu.Unlock()
	key := prefixKey{line.Level, line.Trace.Route}
	prefix, ok := h.prefixes[key]
	if !ok {
		prefix = h.newPrefix(key)
		h.prefixes[key] = prefix
	}
	var space [512]byte // on the stack
	b := append(line.Time.AppendFormat(append(space[:0], `{"time":"`...), time.RFC3339Nano), `",`...)
	b = append(b, prefix...)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(line.Status), 10)
	b = strconv.AppendInt(append(b, `,"duration":`...), int64(line.Duration), 10)
	b = strconv.AppendInt(append(b, `,"bytes":`...), int64(line.Bytes), 10)
	b = strconv.AppendInt(append(b, `,"queries":`...), line.Trace.Queries(), 10)
	b = append(append(b, `,"request_id":"`...), line.Trace.ID...)
	if id := line.Trace.Parent.TraceID; id != "" {
		b = append(append(b, `","trace_id":"`...), id...)
	}
	h.lines.hold(append(b, "\"}\n"...))
}

// newPrefix returns the JSON that the lines of a level and route have in common.
func (h *requestHandler) newPrefix(key prefixKey) []byte {
	var line bytes.Buffer
	record := slog.NewRecord(time.Time{}, key.level, request.LogMessage, 0)
	if key.route != "" {
		record.AddAttrs(slog.String("route", key.route))
	}
	_ = slog.NewJSONHandler(&line, nil).WithAttrs(h.attrs).Handle(context.Background(), record)
	return bytes.TrimSuffix(line.Bytes()[len("{"):], []byte("}\n"))
}

const (
	holdTime  = 100 * time.Millisecond
	holdBytes = 4096 // a pipe takes so many at once; more could mix with another worker's
)

// lineBuffer holds lines of requests for holdTime at most, and writes them before any
// other line.
type lineBuffer struct {
	out   io.Writer
	timer *time.Timer // flushes

	mu    sync.Mutex
	lines []byte
}

func newLineBuffer(out io.Writer) *lineBuffer {
	l := &lineBuffer{out: out}
	l.timer = time.AfterFunc(holdTime, l.flush)
	return l
}

// Write writes a line at once.
func (l *lineBuffer) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write()
	return l.out.Write(line)
}

// hold takes a copy of a line, under the lock.
func (l *lineBuffer) hold(line []byte) {
	if len(l.lines)+len(line) > holdBytes {
		l.write()
	}
	if len(l.lines) == 0 {
		l.timer.Reset(holdTime)
	}
	l.lines = append(l.lines, line...)
}

// flush writes the lines that are held.
func (l *lineBuffer) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write()
}

func (l *lineBuffer) write() {
	if len(l.lines) > 0 {
		_, _ = l.out.Write(l.lines) // slog ignores this error too
		l.lines = l.lines[:0]
	}
}
