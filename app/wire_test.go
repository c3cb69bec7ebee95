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

// HTTP/1.0 knows no chunks: its clients would take their sizes for data.
func TestHTTP10_AnswersHaveALength(t *testing.T) {
	s := shared(t)
	for path, want := range map[string]int{"/login": 200, "/openapi.json": 200, "/static/prefab.css": 200, "/health": 200, "/nowhere": 404} {
		for _, method := range []string{"GET", "HEAD"} {
			for _, header := range []string{"", "Accept-Encoding: gzip\r\n", "Connection: keep-alive\r\n"} {
				w := s.dial()
				w.send(method + " " + path + " HTTP/1.0\r\nHost: x\r\n" + header + "\r\n")
				response := w.response(method)
				body, err := io.ReadAll(response.Body)
				if err != nil || response.StatusCode != want || response.ContentLength < 0 || len(response.TransferEncoding) > 0 {
					t.Errorf("%s %s %s: %d with %v, %d bytes: %v", method, path, header, response.StatusCode, response.Header, len(body), err)
				}
			}
		}
	}
}

// wire is a connection to the service, for what no HTTP client would send.
type wire struct {
	t    testing.TB
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

// response reads the status and the header of an answer to a request of that method.
func (w *wire) response(method string) *http.Response {
	w.t.Helper()
	response, err := http.ReadResponse(w.in, &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("no answer comes: %v", err)
	}
	return response
}

// status reads one answer to its end.
func (w *wire) status(method string) int {
	w.t.Helper()
	response := w.response(method)
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
