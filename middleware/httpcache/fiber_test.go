package httpcache_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/compress"
	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/httpcache"
	"example.com/prefab/middleware/negotiate"
	"example.com/prefab/middleware/request"
)

// mapStorage is a fiber.Storage that keeps everything.
type mapStorage struct{ sync.Map }

func (s *mapStorage) Get(key string) ([]byte, error) {
	value, _ := s.Load(key)
	kept, _ := value.([]byte)
	return kept, nil
}

func (s *mapStorage) Set(key string, value []byte, _ time.Duration) error {
	s.Store(key, value)
	return nil
}

func (s *mapStorage) Delete(key string) error { s.Map.Delete(key); return nil }
func (s *mapStorage) Reset() error            { return nil }
func (s *mapStorage) Close() error            { return nil }

// documentApp serves a document at /document, and an error at /broken, from Fiber's cache.
func documentApp(ttl time.Duration) (*fiber.App, *mapStorage, *counted) {
	app := fibertest.New()
	storage, h := new(mapStorage), &counted{handle: func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.SendString(strings.Repeat("document ", 200))
	}}
	compressor := compress.New(compress.Config{Level: 6, MinBytes: 100})
	app.Use(request.SecurityHeaders(), trace, markPrivate, negotiate.ConditionalRequests, compressor.Handle)
	cached := httpcache.Fiber(storage, ttl)
	app.Get("/document", cached, compressor.Handle, h.Handle)
	app.Get("/broken", cached, func(c *fiber.Ctx) error { return c.Status(fiber.StatusServiceUnavailable).SendString("broken") })
	return app, storage, h
}

func TestFiberCache_GivesTheSameAnswerAgain(t *testing.T) {
	app, storage, h := documentApp(time.Minute)
	for call, encoding := range []string{"", "gzip"} {
		first, body := fibertest.Send(t, app, "GET", "/document", "Accept-Encoding", encoding)
		for _, again := range []string{"GET", "GET", "HEAD", "HEAD"} {
			response, got := fibertest.Send(t, app, again, "/document", "Accept-Encoding", encoding)
			if again == "GET" && got != body || response.ContentLength != first.ContentLength {
				t.Errorf("%s with %q has %d bytes of %d", again, encoding, response.ContentLength, first.ContentLength)
			}
			if response.Header.Get("X-Request-Id") == first.Header.Get("X-Request-Id") {
				t.Error("the first request's id is given again")
			}
			for _, name := range []string{
				"Content-Type", "Content-Encoding", "Etag", "Vary", "Cache-Control", "Content-Security-Policy", "Cache-Status",
			} {
				if response.Header.Get(name) != first.Header.Get(name) {
					t.Errorf("%s: %q, then %q", name, first.Header.Get(name), response.Header.Get(name))
				}
			}
		}
		if first.Header.Get("Content-Encoding") != encoding || first.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", encoding, first.Header)
		}
		held := []string{"Accept-Encoding", encoding, "If-None-Match", first.Header.Get("Etag")}
		if response, got := fibertest.Send(t, app, "GET", "/document", held...); response.StatusCode != fiber.StatusNotModified || got != "" {
			t.Errorf("%q: status %d", encoding, response.StatusCode)
		}
		if calls := h.calls.Load(); calls != 2*int64(call+1) { // GET and HEAD are kept apart
			t.Errorf("%q: %d calls", encoding, calls)
		}
	}
	session := []string{"Accept-Encoding", "gzip", "X-Private", "1"}
	if response, _ := fibertest.Send(t, app, "GET", "/document", session...); response.Header.Get("Content-Encoding") != "" {
		t.Error("an answer to a session is compressed")
	}
	before := h.calls.Load()
	storage.Range(func(key, _ any) bool {
		if strings.HasSuffix(key.(string), "_body") {
			storage.Map.Delete(key)
		}
		return true
	})
	response, body := fibertest.Send(t, app, "GET", "/document", "Accept-Encoding", "gzip")
	if body == "" || h.calls.Load() != before+1 || response.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("without its body the answer is %q, %v", body, response.Header)
	}
}

func TestFiberCache_KeepsNoErrorsAndNothingWithoutATime(t *testing.T) {
	app, storage, _ := documentApp(time.Minute)
	fibertest.Send(t, app, "GET", "/broken")
	storage.Range(func(key, _ any) bool {
		t.Errorf("%v is kept", key)
		return true
	})
	app, _, h := documentApp(0)
	for range 2 {
		fibertest.Send(t, app, "GET", "/document")
	}
	if h.calls.Load() != 2 {
		t.Errorf("%d calls", h.calls.Load())
	}
}
