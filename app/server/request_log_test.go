package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/app/settings"
	"example.com/prefab/middleware/request"
)

// bySlog hides that a handler has a way of its own to write requests' lines.
type bySlog struct{ slog.Handler }

// answering serves a few routes with that log.
func answering(log *slog.Logger) *fiber.App {
	server := fiber.New()
	server.Use(request.Trace(time.Minute, nil), request.AccessLog(log, 0))
	for _, path := range []string{"/plain", `/a"b\c&<é>`, "/products/:id", "/health/ready"} {
		server.Get(path, func(c *fiber.Ctx) error { return c.SendString("ok") })
	}
	request.NameRoutes(server)
	return server
}

const traceID = "4bf92f3577b34da6a3ce929d0e0e4736" // of the client, of requests for products

func ask(t *testing.T, server *fiber.App, path string) {
	t.Helper()
	request := httptest.NewRequest("GET", path, nil)
	if strings.HasPrefix(path, "/products/") {
		request.Header.Set("traceparent", "00-"+traceID+"-00f067aa0ba902b7-01")
	}
	response, err := server.Test(request, -1)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}

func jsonLogger(t *testing.T, out io.Writer) (log *slog.Logger, flush func()) {
	t.Helper()
	s, err := settings.Load[Settings]([]string{"LOG_FORMAT=json", "LOG_LEVEL=debug"}, "none")
	if err != nil {
		t.Fatal(err)
	}
	return NewLogger(s, out)
}

func TestRequestLog_WritesWhatSlogWould(t *testing.T) {
	var lines [2][]string // without what changes, such as times
	for i, wrap := range []func(slog.Handler) slog.Handler{
		func(h slog.Handler) slog.Handler { return h },
		func(h slog.Handler) slog.Handler { return bySlog{h} },
	} {
		out := new(bytes.Buffer)
		log, flush := jsonLogger(t, out)
		for _, log := range []*slog.Logger{log, log.With("worker", 7), log.With("a", 1).With("b", `"x y"`)} {
			server := answering(slog.New(wrap(log.Handler())))
			for _, path := range []string{"/plain", "/a%22b%5Cc&%3C%C3%A9%3E", "/products/1", "/health/ready", "/nowhere"} {
				ask(t, server, path)
			}
		}
		log.Info("the end")
		flush()
		for text := range strings.Lines(out.String()) {
			var line map[string]any
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(line["time"]))
			_, isNumber := line["duration"].(float64)
			if err != nil || time.Since(at) > time.Minute || line["msg"] == "request" && (!isNumber || !idIn.MatchString(fmt.Sprint(line["request_id"]))) {
				t.Errorf("the line is %v", line)
			}
			if isOfProducts := strings.Contains(fmt.Sprint(line["route"]), "products"); isOfProducts != (line["trace_id"] == traceID) {
				t.Errorf("the line is %v", line)
			}
			for _, name := range []string{"time", "duration", "request_id"} {
				delete(line, name)
			}
			lines[i] = append(lines[i], fmt.Sprint(line))
		}
	}
	if len(lines[0]) != 3*5+1 || !slices.Equal(lines[0], lines[1]) {
		t.Errorf("the log is\n%s\nand by slog\n%s", strings.Join(lines[0], "\n"), strings.Join(lines[1], "\n"))
	}
}

// wholeLines is a pipe that other processes write to as well: what is written at once
// must be whole lines, and no more than it takes at once.
type wholeLines struct {
	t     *testing.T
	mu    sync.Mutex
	lines int
	ids   map[string]bool
}

var idIn = regexp.MustCompile(`[0-9a-f]{32}`)

func (w *wholeLines) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(p) > 4096 || !strings.HasSuffix(string(p), "\n") {
		w.t.Errorf("%d bytes are written at once, and end in %q", len(p), p[max(0, len(p)-10):])
	}
	w.lines += strings.Count(string(p), "\n")
	for _, id := range idIn.FindAllString(string(p), -1) {
		w.ids[id] = true
	}
	return len(p), nil
}

func TestRequestLog_LosesAndMixesNoLines(t *testing.T) {
	out := &wholeLines{t: t, ids: make(map[string]bool)}
	log, flush := jsonLogger(t, out)
	server := answering(log)
	const writers, each = 8, 100
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			for n := range each {
				ask(t, server, "/plain")
				if n%10 == 0 {
					log.Info(fmt.Sprint("writer ", i))
				}
			}
		})
	}
	wait.Wait()
	log.Info("the end")
	flush()
	if len(out.ids) != writers*each || out.lines != writers*(each+each/10)+1 {
		t.Errorf("%d requests in %d lines", len(out.ids), out.lines)
	}
}
