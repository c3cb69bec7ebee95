package stream

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// body is the body of a streamed answer. fasthttp calls WriteTo with the connection,
// unless something in between, such as a compressor, calls Read.
type body struct {
	next    func() (chunk []byte, err error, ok bool)
	release func()
	ctx     context.Context // of the chunks; they outlive the handler, and so the request's
	cancel  context.CancelFunc

	conn         net.Conn // not the RequestCtx, which fasthttp may reuse for another request
	writeTimeout time.Duration
	log          *slog.Logger

	start    time.Time
	sent     int64
	unsent   []byte // of the current chunk
	done     bool   // there are no more chunks
	readErr  error  // why there is no next chunk
	writeErr error  // why the client takes no more
	closed   bool
}

// fill gets the next chunk, if there is one, and gives the client the write timeout to
// take it: fasthttp sets one deadline for the whole answer.
func (b *body) fill() (more bool, err error) {
	if b.done || b.readErr != nil {
		return false, b.readErr
	}
	chunk, err, more := b.next()
	b.unsent, b.readErr, b.done = chunk, err, !more
	if b.conn != nil {
		_ = b.conn.SetWriteDeadline(time.Now().Add(b.writeTimeout)) // on a broken connection the write fails
	}
	return more, err
}

// errAborted makes fasthttp close the connection. For other errors it would write a log
// line of its own, with the client's address.
var errAborted = io.ErrUnexpectedEOF

// SupportsBodyWriteTo is part of fasthttp.BodyWriterTo.
func (b *body) SupportsBodyWriteTo() bool { return true }

// WriteTo sends each chunk as it comes.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	for {
		n, err := w.Write(b.unsent)
		b.sent += int64(n)
		if err != nil {
			b.writeErr = err
			return b.sent, err
		}
		if more, err := b.fill(); err != nil {
			return b.sent, errAborted
		} else if !more {
			return b.sent, nil
		}
	}
}

func (b *body) Read(p []byte) (int, error) {
	for len(b.unsent) == 0 {
		if more, err := b.fill(); err != nil {
			return 0, errAborted
		} else if !more {
			return 0, io.EOF
		}
	}
	n := copy(p, b.unsent)
	b.unsent = b.unsent[n:]
	b.sent += int64(n)
	return n, nil
}

// Close frees what the stream holds, and logs how it ended: the line of the access log
// was written when it began.
func (b *body) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	level, message, attrs := b.outcome() // before release ends the context
	b.release()
	attrs = append(attrs, slog.Duration("duration", time.Since(b.start)), slog.Int64("bytes", b.sent),
		slog.Int64("queries", tracing.From(b.ctx).Queries()))
	b.log.LogAttrs(b.ctx, level, message, attrs...)
	return nil
}

func (b *body) outcome() (slog.Level, string, []slog.Attr) {
	switch {
	case b.readErr != nil && (problem.CodeOf(b.readErr) == problem.Unavailable || b.ctx.Err() != nil):
		return slog.LevelWarn, "stream aborted", []slog.Attr{slog.Any("error", b.readErr)}
	case b.readErr != nil:
		return slog.LevelError, "stream aborted", []slog.Attr{slog.Any("error", b.readErr)}
	case errors.Is(b.writeErr, os.ErrDeadlineExceeded):
		return slog.LevelInfo, "stream ended: the client was too slow", nil
	case b.writeErr != nil || !b.done:
		return slog.LevelInfo, "stream ended: the client closed the connection", nil
	}
	return slog.LevelInfo, "stream sent", nil
}
