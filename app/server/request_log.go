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

	frames map[frameKey]frame // guarded by lines
}

type frameKey struct {
	level slog.Level
	route string
}

// frame is what the lines of a level and route have in common: the JSON between the time
// and the status, and that behind the request's id.
type frame struct{ before, after []byte }

// WithAttrs is part of slog.Handler.
func (h *requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &requestHandler{
		traceHandler: traceHandler{h.Handler.WithAttrs(attrs)}, lines: h.lines,
		attrs: slices.Concat(h.attrs, attrs), frames: make(map[frameKey]frame),
	}
}

// LogRequest writes the line of a request that has an id.
func (h *requestHandler) LogRequest(line request.Line) {
	h.lines.mu.Lock()
	defer h.lines.mu.Unlock()
	key := frameKey{line.Level, line.Trace.Route}
	frame, ok := h.frames[key]
	if !ok {
		frame = h.newFrame(key)
		h.frames[key] = frame
	}
	var space [512]byte // on the stack
	b := append(line.Time.AppendFormat(append(space[:0], `{"time":"`...), time.RFC3339Nano), `",`...)
	b = append(b, frame.before...)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(line.Status), 10)
	b = strconv.AppendInt(append(b, `,"duration":`...), int64(line.Duration), 10)
	b = strconv.AppendInt(append(b, `,"bytes":`...), int64(line.Bytes), 10)
	b = strconv.AppendInt(append(b, `,"queries":`...), line.Trace.Queries(), 10)
	b = append(append(append(b, `,"request_id":"`...), line.Trace.ID...), '"')
	h.lines.hold(append(b, frame.after...))
}

func (h *requestHandler) newFrame(key frameKey) frame {
	before := h.render(key.level)
	whole := before
	if key.route != "" {
		whole = h.render(key.level, slog.String("route", key.route))
	}
	before = bytes.TrimSuffix(before, []byte("}\n"))
	return frame{before[len("{"):], whole[len(before):]}
}

// render returns the line of a request without a time.
func (h *requestHandler) render(level slog.Level, attrs ...slog.Attr) []byte {
	var line bytes.Buffer
	record := slog.NewRecord(time.Time{}, level, request.LogMessage, 0)
	record.AddAttrs(attrs...)
	_ = slog.NewJSONHandler(&line, nil).WithAttrs(h.attrs).Handle(context.Background(), record)
	return line.Bytes()
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
