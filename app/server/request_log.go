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

// requestHandler writes the lines of requests by hand, in the form that slog gives all
// others: slog takes ten times as long. They are held for a moment, so that a busy
// process does not write each by itself.
type requestHandler struct {
	traceHandler
	form  func(io.Writer) slog.Handler
	with  []slog.Attr // of every line
	json  bool
	lines *lineBuffer

	frames map[frameKey]frame // guarded by lines
}

type frameKey struct {
	level slog.Level
	route string
}

// frame is what slog writes before and after the changing parts of a line.
type frame struct{ before, after []byte }

// WithAttrs is part of slog.Handler.
func (h *requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &requestHandler{
		traceHandler: traceHandler{h.Handler.WithAttrs(attrs)},
		form:         h.form, json: h.json, lines: h.lines, frames: make(map[frameKey]frame),
		with: append(slices.Clip(h.with), attrs...),
	}
}

// LogRequest writes the line of a request that has an id.
func (h *requestHandler) LogRequest(line request.Line) {
	h.lines.mu.Lock()
	defer h.lines.mu.Unlock()
	key := frameKey{line.Level, line.Trace.Route}
	frame, ok := h.frames[key]
	if !ok {
		frame = h.frame(key)
		h.frames[key] = frame
	}
	var space [512]byte // on the stack
	if h.json {
		h.lines.hold(appendJSON(space[:0], frame, line))
	} else {
		h.lines.hold(appendText(space[:0], frame, line))
	}
}

func appendJSON(b []byte, frame frame, line request.Line) []byte {
	b = append(line.Time.AppendFormat(append(b, `{"time":"`...), time.RFC3339Nano), `",`...)
	b = append(b, frame.before...)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(line.Status), 10)
	b = strconv.AppendInt(append(b, `,"duration":`...), int64(line.Duration), 10)
	b = strconv.AppendInt(append(b, `,"bytes":`...), int64(line.Bytes), 10)
	b = strconv.AppendInt(append(b, `,"queries":`...), line.Trace.Queries(), 10)
	b = append(append(append(b, `,"request_id":"`...), line.Trace.ID...), '"')
	return append(b, frame.after...)
}

func appendText(b []byte, frame frame, line request.Line) []byte {
	const milliseconds = "2006-01-02T15:04:05.000Z07:00"
	b = append(line.Time.AppendFormat(append(b, "time="...), milliseconds), ' ')
	b = append(b, frame.before...)
	b = strconv.AppendInt(append(b, " status="...), int64(line.Status), 10)
	b = append(append(b, " duration="...), line.Duration.String()...)
	b = strconv.AppendInt(append(b, " bytes="...), int64(line.Bytes), 10)
	b = strconv.AppendInt(append(b, " queries="...), line.Trace.Queries(), 10)
	b = append(append(b, " request_id="...), line.Trace.ID...)
	return append(b, frame.after...)
}

// frame has slog write what all lines of the route have.
func (h *requestHandler) frame(key frameKey) frame {
	before := h.render(key.level)
	whole := before
	if key.route != "" {
		whole = h.render(key.level, slog.String("route", key.route))
	}
	if h.json {
		before, whole = before[1:len(before)-1], whole[1:] // without the braces
	}
	before = before[:len(before)-1] // without the line's end
	return frame{before, whole[len(before):]}
}

func (h *requestHandler) render(level slog.Level, attrs ...slog.Attr) []byte {
	var line bytes.Buffer
	record := slog.NewRecord(time.Time{}, level, request.LogMessage, 0) // without a time
	record.AddAttrs(attrs...)
	_ = h.form(&line).WithAttrs(h.with).Handle(context.Background(), record)
	return line.Bytes()
}

const (
	holdTime  = 100 * time.Millisecond
	holdBytes = 4096 // a pipe takes so many at once; more could mix with another worker's
)

// lineBuffer holds lines of requests for holdTime at most, and writes them before any other line.
type lineBuffer struct {
	out io.Writer

	mu    sync.Mutex
	lines []byte
	timer *time.Timer
	timed bool
}

// Write writes a line at once.
func (l *lineBuffer) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) > 0 {
		l.write()
	}
	return l.out.Write(line)
}

// hold takes a copy of a line, under the lock.
func (l *lineBuffer) hold(line []byte) {
	if len(l.lines)+len(line) > holdBytes {
		l.write()
	}
	l.lines = append(l.lines, line...)
	if l.timed {
		return
	}
	l.timed = true
	if l.timer == nil {
		l.timer = time.AfterFunc(holdTime, l.flush)
	} else {
		l.timer.Reset(holdTime)
	}
}

// flush writes what is held.
func (l *lineBuffer) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timed = false
	l.write()
}

func (l *lineBuffer) write() {
	if len(l.lines) > 0 {
		_, _ = l.out.Write(l.lines) // as with slog: there is nobody to tell
		l.lines = l.lines[:0]
	}
}
