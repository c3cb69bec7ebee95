package app_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// wire is a connection to the service, for what no HTTP client would send.
type wire struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (s *service) dial() *wire {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return &wire{s.t, conn, bufio.NewReader(conn)}
}

func (w *wire) send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w.conn, text); err != nil {
		w.t.Fatal(err)
	}
}

// status reads one answer to a request of that method.
func (w *wire) status(method string) int {
	w.t.Helper()
	response, err := http.ReadResponse(w.in, &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("no answer comes: %v", err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode
}

// isClosed reports whether the service has closed the connection. It waits for that,
// or for an answer.
func (w *wire) isClosed() bool {
	_, err := w.in.Peek(1)
	return err != nil
}

// isAnswered reports whether an answer is there already.
func (w *wire) isAnswered() bool {
	_ = w.conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	_, err := w.in.Peek(1)
	_ = w.conn.SetReadDeadline(time.Now().Add(time.Minute))
	return err == nil
}
