// Package stream sends answers that are too long to hold in memory, chunk by chunk. It
// promises constant memory however long the answer is; that a client which is gone or
// too slow ends the work; and that an answer that fails half way ends its connection
// without the last chunk, so that no client takes a part for the whole.
//
//	sender := stream.NewSender(stream.Config{
//		Concurrency: 2, Timeout: 15 * time.Minute, WriteTimeout: 30 * time.Second, Log: log,
//	})
//	app.Get("/lamps.csv", func(c *fiber.Ctx) error {
//		c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
//		return sender.Send(c, func(ctx context.Context) iter.Seq2[[]byte, error] {
//			return export.Encode(lamps.Export(ctx), lampTable, export.CSV)
//		})
//	})
//	app.Hooks().OnShutdown(func() error { sender.Stop(); return nil })
package stream

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

// Chunks are the parts of an answer, in order. An error is the last of them. A chunk
// is valid until the next one is asked for.
type Chunks = iter.Seq2[[]byte, error]

// Sender sends streams.
type Sender struct {
	cfg     Config
	running chan struct{}
	stopped context.Context
	stop    context.CancelFunc
}

// Config limits what streams take.
type Config struct {
	Concurrency  int           // streams at a time
	Timeout      time.Duration // of a whole stream
	WriteTimeout time.Duration // for the client to take a chunk
	Log          *slog.Logger
}

// NewSender returns a Sender.
func NewSender(cfg Config) *Sender {
	s := &Sender{cfg: cfg, running: make(chan struct{}, cfg.Concurrency)}
	s.stopped, s.stop = context.WithCancel(context.Background())
	return s
}

// Stop aborts the streams that are running.
func (s *Sender) Stop() { s.stop() }

var errTooMany = &problem.Error{
	Code:       problem.Unavailable,
	Message:    "The maximum number of exports is running. Please try again later.",
	RetryAfter: 10 * time.Second,
}

// Send answers with the chunks. An error before the first chunk is returned. After it the
// context of the chunks is no longer the request's: it ends with the stream, after the
// timeout at the latest. HEAD makes no chunks. HTTP/1.0 has no chunked encoding: its
// clients could not tell an aborted answer from a whole one, so it is refused.
func (s *Sender) Send(c *fiber.Ctx, chunks func(context.Context) Chunks) error {
	if !c.Request().Header.IsHTTP11() {
		return fiber.ErrHTTPVersionNotSupported
	}
	if c.Method() == fiber.MethodHead {
		c.Context().SetBodyStream(http.NoBody, -1)
		return nil
	}
	select {
	case s.running <- struct{}{}:
	default:
		return errTooMany
	}
	b := s.begin(c, chunks)
	stopRequestWatch := context.AfterFunc(c.UserContext(), b.cancel)
	_, err := b.fill()
	if !stopRequestWatch() {
		err = c.UserContext().Err()
	}
	if err != nil {
		b.release()
		return err
	}
	c.Context().SetBodyStream(b, -1)
	return nil
}

func (s *Sender) begin(c *fiber.Ctx, chunks func(context.Context) Chunks) *body {
	b := &body{conn: c.Context().Conn(), writeTimeout: s.cfg.WriteTimeout, log: s.cfg.Log, start: time.Now()}
	b.ctx, b.cancel = context.WithTimeout(context.WithoutCancel(c.UserContext()), s.cfg.Timeout)
	unlink := context.AfterFunc(s.stopped, b.cancel)
	next, stop := iter.Pull2(recoverPanics(b.ctx, chunks))
	b.next = next
	b.release = func() {
		b.cancel()
		stop()
		unlink()
		<-s.running
	}
	return b
}

// recoverPanics makes a panic the last error: after the handler has returned, no
// middleware recovers it.
func recoverPanics(ctx context.Context, chunks func(context.Context) Chunks) Chunks {
	return func(yield func([]byte, error) bool) {
		defer func() {
			if reason := recover(); reason != nil {
				yield(nil, fmt.Errorf("panic: %v\n%s", reason, debug.Stack()))
			}
		}()
		chunks(ctx)(yield)
	}
}
