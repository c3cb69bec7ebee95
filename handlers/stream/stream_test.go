package stream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/compress"
	"github.com/valyala/fasthttp"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/services/problem"
)

// streaming is a server that streams, and what it logs.
type streaming struct {
	t       *testing.T
	address string
	mu      sync.Mutex
	lines   bytes.Buffer
}

func (s *streaming) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines.Write(p)
}

func (s *streaming) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines.String()
}

// serve serves the chunks at "/", and compressed at "/compressed", one at a time.
func serve(t *testing.T, chunks func(context.Context) Chunks) *streaming {
	t.Helper()
	s := &streaming{t: t}
	log := slog.New(slog.NewTextHandler(s, nil))
	sender := NewSender(Config{Concurrency: 1, Timeout: time.Minute, WriteTimeout: time.Minute, Log: log})
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ErrorHandler: rest.ErrorHandler(log, nil, rest.ErrorFormat{})})
	app.Server().Logger = log2fasthttp{s}
	send := func(c *fiber.Ctx) error { return sender.Send(c, chunks) }
	app.Get("/", send)
	app.Get("/compressed", compress.New(), send)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()
	t.Cleanup(func() {
		_ = app.ShutdownWithTimeout(10 * time.Second)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

// log2fasthttp is what fasthttp logs by, which the program leaves at its default.
type log2fasthttp struct{ to io.Writer }

func (l log2fasthttp) Printf(format string, args ...any) { fmt.Fprintf(l.to, format+"\n", args...) }

// get reads an answer, whose error is that of one that broke off.
func (s *streaming) get(path string) (status int, body []byte, err error) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, nil, err
	}
	body, err = io.ReadAll(response.Body)
	if response.Header.Get("Content-Encoding") == "gzip" {
		body, _ = fasthttp.AppendGunzipBytes(nil, body)
	}
	return response.StatusCode, body, err
}

func TestSend_ChunksFromReusedMemory(t *testing.T) {
	var want strings.Builder
	s := serve(t, func(context.Context) Chunks {
		return func(yield func([]byte, error) bool) {
			want.Reset()
			reused := make([]byte, 100_000)
			for i := range 50 {
				for j := range reused {
					reused[j] = byte(i + j)
				}
				chunk := reused[:i*i*40%len(reused)] // an empty one among them
				want.Write(chunk)
				if !yield(chunk, nil) {
					return
				}
			}
		}
	})
	for _, path := range []string{"/", "/compressed", "/"} {
		if status, body, err := s.get(path); status != 200 || string(body) != want.String() || err != nil {
			t.Errorf("%s: %d with %d of %d bytes, error %v", path, status, len(body), want.Len(), err)
		}
	}
}

func TestSend_AbortsTheAnswerWhenTheChunksFail(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(yield func([]byte, error) bool)
		logs string
	}{
		"a fault of ours": {
			func(yield func([]byte, error) bool) { yield(nil, errors.New("the disk is gone")) },
			`level=ERROR msg="stream aborted" error="the disk is gone"`,
		},
		"a connection that ended": { // which is no end of the rows
			func(yield func([]byte, error) bool) { yield(nil, io.EOF) },
			`level=ERROR msg="stream aborted" error=EOF`,
		},
		"a server away": {
			func(yield func([]byte, error) bool) { yield(nil, fmt.Errorf("read: %w", problem.ErrUnavailable)) },
			`level=WARN msg="stream aborted"`,
		},
		"a panic": {
			func(func([]byte, error) bool) { panic("oh") },
			`level=ERROR msg="stream aborted" error="panic: oh`, // and the stack where it happened
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(context.Context) Chunks {
				return func(yield func([]byte, error) bool) {
					if yield([]byte("begun"), nil) && yield([]byte(strings.Repeat("x", 10_000)), nil) {
						test.end(yield)
					}
				}
			})
			for range 2 { // the first has given its place back
				if status, body, err := s.get("/"); status != 200 || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%d with %d bytes, error %v", status, len(body), err)
				}
			}
			if log := s.logged(); strings.Count(log, test.logs) != 2 || strings.Contains(log, s.address) {
				t.Errorf("the log is\n%s", log)
			}
		})
	}
}

func TestSend_ReturnsAnErrorBeforeTheFirstChunk(t *testing.T) {
	var panics bool
	s := serve(t, func(context.Context) Chunks {
		return func(yield func([]byte, error) bool) {
			if panics {
				panic("oh")
			}
			yield(nil, problem.ErrUnavailable)
		}
	})
	for _, want := range []int{503, 503} {
		if status, body, err := s.get("/"); status != want || !bytes.Contains(body, []byte("try again")) || err != nil {
			t.Errorf("%d %s, error %v", status, body, err)
		}
	}
	panics = true
	for _, want := range []int{500, 500} {
		if status, body, err := s.get("/"); status != want || bytes.Contains(body, []byte("oh")) || err != nil {
			t.Errorf("%d %s, error %v", status, body, err)
		}
	}
}
