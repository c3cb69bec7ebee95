package handlers

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"example.com/prefab/services"
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
	ended  error  // io.EOF, or why there are no more chunks
	lost   error  // why the client takes no more of them
	closed bool
}

// fill gets the next chunk, and gives the client the write timeout to take it:
// fasthttp sets one deadline for the whole answer.
func (b *streamBody) fill() error {
	if b.ended != nil {
		return b.ended
	}
	chunk, err, ok := b.next()
	if !ok {
		err = io.EOF
	}
	b.rest, b.ended = chunk, err
	if b.conn != nil {
		_ = b.conn.SetWriteDeadline(time.Now().Add(b.writeTimeout)) // a broken one is found out by the write
	}
	return err
}

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
		if err := b.fill(); err != nil {
			return b.sent, cut(err, nil)
		}
	}
}

// Read is for what does not know WriteTo.
func (b *streamBody) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if err := b.fill(); err != nil {
			return 0, cut(err, io.EOF)
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	b.sent += int64(n)
	return n, nil
}

// cut returns atEnd for io.EOF, else what makes fasthttp close the connection: an
// error that it does not write to its own log, with the client's address.
func cut(err, atEnd error) error {
	if err == io.EOF {
		return atEnd
	}
	return io.ErrUnexpectedEOF
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
		slog.Int64("queries", services.TraceFrom(b.ctx).Queries()))
	b.log.LogAttrs(b.ctx, level, message, attrs...)
	return nil
}

func (b *streamBody) outcome() (slog.Level, string, []slog.Attr) {
	failed := b.ended != nil && b.ended != io.EOF
	switch {
	case failed && (services.CodeOf(b.ended) == services.Unavailable || b.ctx.Err() != nil):
		return slog.LevelWarn, "stream cut", []slog.Attr{slog.Any("error", b.ended)}
	case failed:
		return slog.LevelError, "stream cut", []slog.Attr{slog.Any("error", b.ended)}
	case errors.Is(b.lost, os.ErrDeadlineExceeded):
		return slog.LevelInfo, "stream dropped: the client took nothing for too long", nil
	case b.ended == nil || b.lost != nil:
		return slog.LevelInfo, "stream dropped: the client is gone", nil
	}
	return slog.LevelInfo, "stream sent", nil
}
