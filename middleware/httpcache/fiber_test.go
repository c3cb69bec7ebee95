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

func TestFiber_SendsTheSameAnswerAgain(t *testing.T) {
	app, storage, h := documentApp(time.Minute)
	for call, encoding := range []string{"", "gzip"} {
		first, body := fibertest.Send(t, app, "GET", "/document", "Accept-Encoding", encoding)
		second, again := fibertest.Send(t, app, "GET", "/document", "Accept-Encoding", encoding)
		if again != body || h.calls.Load() != int64(call+1) || first.Header.Get("Content-Encoding") != encoding {
			t.Errorf("%q: %d bytes, then %d, after %d calls, %v", encoding, len(body), len(again), h.calls.Load(), first.Header)
		}
		for _, name := range []string{"Content-Type", "Content-Encoding", "Etag", "Vary", "Cache-Control", "X-Cache"} {
			if second.Header.Get(name) != first.Header.Get(name) {
				t.Errorf("%s: %q, then %q", name, first.Header.Get(name), second.Header.Get(name))
			}
		}
	}
	if response, _ := fibertest.Send(t, app, "GET", "/document", "Accept-Encoding", "gzip", "X-Private", "1"); response.Header.Get("Content-Encoding") != "" {
		t.Error("a private answer is compressed")
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

func TestFiber_StoresNoErrorsAndNothingWithoutATTL(t *testing.T) {
	app, storage, _ := documentApp(time.Minute)
	fibertest.Send(t, app, "GET", "/broken")
	storage.Range(func(key, _ any) bool {
		t.Errorf("%v is stored", key)
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
