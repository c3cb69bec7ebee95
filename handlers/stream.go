package handlers

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
)

// Streams sends answers that are too long to be held, while they are made. What
// makes them waits for the client, and ends when the client is gone, or takes
// nothing for a while. An answer that breaks off ends its connection without the
// last chunk, so that no client takes a part for the whole.
type Streams struct {
	cfg     StreamConfig
	slots   chan struct{}
	stopped context.Context
	stop    context.CancelFunc
}

// StreamConfig says what a stream may take.
type StreamConfig struct {
	Concurrency  int           // streams at a time
	Timeout      time.Duration // of a whole stream
	WriteTimeout time.Duration // for the client to take a chunk
	Log          *slog.Logger
}

// NewStreams returns Streams.
func NewStreams(cfg StreamConfig) *Streams {
	s := &Streams{cfg: cfg, slots: make(chan struct{}, cfg.Concurrency)}
	s.stopped, s.stop = context.WithCancel(context.Background())
	return s
}

// Stop breaks off what is being sent.
func (s *Streams) Stop() { s.stop() }

var errTooManyStreams = &problem.Error{
	Code:       problem.Unavailable,
	Message:    "As many exports as may run at a time are running. Please try again later.",
	RetryAfter: 10 * time.Second,
}

// Send answers with the chunks. Their context is no longer the request's once the
// first of them is there: it ends with the stream, after the timeout at the latest.
// An error before that is returned, for the client to be told. A chunk need only
// be good until the next one is asked for. HEAD asks for none. HTTP/1.0 knows no
// chunks; its clients could not tell a cut answer from a whole one.
func (s *Streams) Send(c *fiber.Ctx, chunks func(context.Context) iter.Seq2[[]byte, error]) error {
	if !c.Request().Header.IsHTTP11() {
		return fiber.ErrHTTPVersionNotSupported
	}
	if c.Method() == fiber.MethodHead {
		c.Context().SetBodyStream(http.NoBody, -1)
		return nil
	}
	select {
	case s.slots <- struct{}{}:
	default:
		return errTooManyStreams
	}
	b := s.begin(c, chunks)
	hurry := context.AfterFunc(c.UserContext(), b.cancel)
	_, err := b.fill()
	if !hurry() {
		err = c.UserContext().Err()
	}
	if err != nil {
		b.release()
		return err
	}
	c.Context().SetBodyStream(b, -1)
	return nil
}

func (s *Streams) begin(c *fiber.Ctx, chunks func(context.Context) iter.Seq2[[]byte, error]) *streamBody {
	b := &streamBody{conn: c.Context().Conn(), writeTimeout: s.cfg.WriteTimeout, log: s.cfg.Log, start: time.Now()}
	b.ctx, b.cancel = context.WithTimeout(context.WithoutCancel(c.UserContext()), s.cfg.Timeout)
	unlink := context.AfterFunc(s.stopped, b.cancel)
	next, stop := iter.Pull2(guarded(b.ctx, chunks))
	b.next = next
	b.release = func() {
		b.cancel()
		stop()
		unlink()
		<-s.slots
	}
	return b
}

// guarded makes a panic the last error: no middleware stands around what is done
// after the handler has returned.
func guarded(ctx context.Context, chunks func(context.Context) iter.Seq2[[]byte, error]) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		defer func() {
			if reason := recover(); reason != nil {
				yield(nil, fmt.Errorf("panic: %v\n%s", reason, debug.Stack()))
			}
		}()
		chunks(ctx)(yield)
	}
}
