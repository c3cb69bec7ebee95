package compress_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/fibertest"
)

// begun is as much of the body as the part of its compressed form tells.
func begun(encoding string, part []byte) string {
	var plain []byte
	switch encoding { // an error says that there is more to come
	case "br":
		plain, _ = fasthttp.AppendUnbrotliBytes(nil, part)
	case "gzip":
		plain, _ = fasthttp.AppendGunzipBytes(nil, part)
	case "zstd":
		plain, _ = fasthttp.AppendUnzstdBytes(nil, part)
	}
	return string(plain)
}

func TestCompress_StreamsFlow(t *testing.T) {
	lines := []string{"the first line\n", strings.Repeat("x", 5000) + "\n", "the last line\n"}
	app := fibertest.New()
	app.Use(compressor().Handle)
	read := make(chan bool) // the client has read a line
	app.Get("/reader", func(c *fiber.Ctx) error {
		c.Set("Content-Type", "application/x-ndjson")
		c.Set("ETag", `"1"`)
		from, to := io.Pipe()
		go func() {
			for _, line := range lines {
				_, _ = io.WriteString(to, line)
				<-read
			}
			_ = to.Close()
		}()
		return c.SendStream(from)
	})
	app.Get("/writer", func(c *fiber.Ctx) error {
		c.Set("Content-Type", "application/x-ndjson")
		c.Set("ETag", `"1"`)
		c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
			for _, line := range lines {
				_, _ = w.WriteString(line)
				_ = w.Flush()
				<-read
			}
		})
		return nil
	})
	address := serve(t, app)
	for _, path := range []string{"/reader", "/writer"} {
		for _, encoding := range []string{"br", "gzip", "zstd"} {
			response, err := ask(t, address, "GET", path, encoding)
			if err != nil {
				t.Fatal(err)
			}
			if response.Header.Get("Content-Encoding") != encoding || response.Header.Get("Vary") != "Accept-Encoding" ||
				response.Header.Get("ETag") != `"1-`+encoding+`"` || response.Header.Get("Content-Type") != "application/x-ndjson" {
				t.Errorf("%s, %s: %v", path, encoding, response.Header)
			}
			var got []byte
			want, buf := "", make([]byte, 4096)
			for _, line := range lines {
				want += line
				for begun(encoding, got) != want {
					n, err := response.Body.Read(buf)
					if got = append(got, buf[:n]...); err != nil {
						t.Fatalf("%s, %s: %v after %q", path, encoding, err, begun(encoding, got))
					}
				}
				read <- true
			}
			rest, err := io.ReadAll(response.Body)
			if plain := decoded(t, encoding, string(append(got, rest...))); plain != want || err != nil {
				t.Errorf("%s, %s: the whole is %.80q, error %v", path, encoding, plain, err)
			}
		}
	}
}

type brokenStream struct {
	io.Reader
	closed chan bool
}

func (s *brokenStream) Close() error { s.closed <- true; return nil }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the database is gone") }

func TestCompress_AFailedStreamEndsTheConnection(t *testing.T) {
	app := fibertest.New()
	app.Use(compressor().Handle)
	closed := make(chan bool, 1)
	const part = 3000
	app.Get("/:how", func(c *fiber.Ctx) error {
		c.Set("Content-Type", "text/csv")
		text := io.Reader(strings.NewReader(strings.Repeat("x", part)))
		switch c.Params("how") {
		case "fails":
			c.Context().SetBodyStream(&brokenStream{io.MultiReader(text, failing{}), closed}, -1)
		case "short":
			c.Context().SetBodyStream(&brokenStream{text, closed}, part+1)
		case "whole":
			c.Context().SetBodyStream(&brokenStream{text, closed}, part)
		case "small":
			c.Context().SetBodyStream(&brokenStream{io.LimitReader(text, 10), closed}, 10)
		}
		return nil
	})
	address := serve(t, app)
	for _, encoding := range []string{"identity", "br", "gzip", "zstd"} {
		for path, whole := range map[string]bool{"/fails": false, "/short": false, "/whole": true, "/small": true} {
			response, err := ask(t, address, "GET", path, encoding)
			var body []byte
			if err == nil {
				body, err = io.ReadAll(response.Body)
				compressed := encoding != "identity" && path != "/small"
				if got := response.Header.Get("Content-Encoding"); got != map[bool]string{true: encoding}[compressed] {
					t.Errorf("%s, %s: the encoding is %q", path, encoding, got)
				}
			}
			if (err == nil) != whole {
				t.Errorf("%s, %s: %d bytes, error %v", path, encoding, len(body), err)
			}
			<-closed
		}
		if head, err := ask(t, address, "HEAD", "/whole", encoding); err != nil || head.StatusCode != 200 {
			t.Errorf("HEAD, %s: %v, error %v", encoding, head, err)
		}
		<-closed
	}
}

// serve runs the app on a port of its own.
func serve(t testing.TB, app *fiber.App) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = app.Handler() // builds the routes
	served := make(chan error, 1)
	go func() { served <- app.Server().Serve(listener) }()
	t.Cleanup(func() {
		_ = app.ShutdownWithTimeout(10 * time.Second)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// ask sends a request to the address and reads the answer's header. The error is that of
// a connection which ends before.
func ask(t testing.TB, address, method, path, encoding string) (*http.Response, error) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // so that a stream that stops fails the test
	if _, err := io.WriteString(conn, method+" "+path+" HTTP/1.1\r\nHost: x\r\nAccept-Encoding: "+encoding+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
}
