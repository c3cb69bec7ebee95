package handlers

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

// streamBody is the body of a streamed answer. fasthttp calls WriteTo with the
// connection, where nothing stands between that reads, such as a compressor.
type streamBody struct {
	next    func() (chunk []byte, err error, ok bool)
	release func()
	ctx     context.Context // of the chunks; they outlive the handler, and so the request's
	cancel  context.CancelFunc

	conn         net.Conn // not the RequestCtx, which fasthttp may give to another request
	writeTimeout time.Duration
	log          *slog.Logger

	start  time.Time
	sent   int64
	rest   []byte // of the current chunk
	whole  bool   // there are no more chunks
	failed error  // why the next one cannot be had
	lost   error  // why the client takes no more
	closed bool
}

// fill gets the next chunk, if there is one, and gives the client the write
// timeout to take it: fasthttp sets one deadline for the whole answer.
func (b *streamBody) fill() (more bool, err error) {
	if b.whole || b.failed != nil {
		return false, b.failed
	}
	chunk, err, more := b.next()
	b.rest, b.failed, b.whole = chunk, err, !more
	if b.conn != nil {
		_ = b.conn.SetWriteDeadline(time.Now().Add(b.writeTimeout)) // a broken one is found out by the write
	}
	return more, err
}

// errCut makes fasthttp close the connection; of other errors it would write a
// log line of its own, with the client's address.
var errCut = io.ErrUnexpectedEOF

// SupportsBodyWriteTo is part of fasthttp.BodyWriterTo.
func (b *streamBody) SupportsBodyWriteTo() bool { return true }

// WriteTo sends each chunk as it comes.
func (b *streamBody) WriteTo(w io.Writer) (int64, error) {
	for {
		n, err := w.Write(b.rest)
		b.sent += int64(n)
		if err != nil {
			b.lost = err
			return b.sent, err
		}
		if more, err := b.fill(); err != nil {
			return b.sent, errCut
		} else if !more {
			return b.sent, nil
		}
	}
}

// Read is for what does not know WriteTo.
func (b *streamBody) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if more, err := b.fill(); err != nil {
			return 0, errCut
		} else if !more {
			return 0, io.EOF
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	b.sent += int64(n)
	return n, nil
}

// Close frees what the stream holds, and logs how it went: the access log's line
// was written when it began.
func (b *streamBody) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	level, message, attrs := b.outcome() // before the context ends by our own doing
	b.release()
	attrs = append(attrs, slog.Duration("duration", time.Since(b.start)), slog.Int64("bytes", b.sent),
		slog.Int64("queries", tracing.From(b.ctx).Queries()))
	b.log.LogAttrs(b.ctx, level, message, attrs...)
	return nil
}

func (b *streamBody) outcome() (slog.Level, string, []slog.Attr) {
	switch {
	case b.failed != nil && (problem.CodeOf(b.failed) == problem.Unavailable || b.ctx.Err() != nil):
		return slog.LevelWarn, "stream cut", []slog.Attr{slog.Any("error", b.failed)}
	case b.failed != nil:
		return slog.LevelError, "stream cut", []slog.Attr{slog.Any("error", b.failed)}
	case errors.Is(b.lost, os.ErrDeadlineExceeded):
		return slog.LevelInfo, "stream dropped: the client took nothing for too long", nil
	case b.lost != nil || !b.whole:
		return slog.LevelInfo, "stream dropped: the client is gone", nil
	}
	return slog.LevelInfo, "stream sent", nil
}
