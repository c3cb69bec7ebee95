package httpcache_test

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/compress"
	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/httpcache"
	"example.com/prefab/middleware/negotiate"
	"example.com/prefab/middleware/request"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// counted answers with its number, after what handle has done.
type counted struct {
	calls  atomic.Int64
	handle fiber.Handler
}

func (h *counted) Handle(c *fiber.Ctx) error {
	n := h.calls.Add(1)
	if h.handle != nil {
		if err := h.handle(c); err != nil {
			return err
		}
	}
	if c.Response().IsBodyStream() || len(c.Response().Body()) > 0 {
		return nil
	}
	return c.SendString("answer " + strconv.FormatInt(n, 10))
}

// cachedApp serves handle at /products/:id and /products from a cache.
func cachedApp(cfg httpcache.Config, route httpcache.RouteConfig, handle fiber.Handler) (
	*fiber.App, *memoryPages, *counted,
) {
	app := fibertest.New()
	app.Use(request.SecurityHeaders(), trace, request.Recover(), negotiate.ConditionalRequests)
	return mountCached(app, cfg, route, handle)
}

func mountCached(app *fiber.App, cfg httpcache.Config, route httpcache.RouteConfig, handle fiber.Handler) (
	*fiber.App, *memoryPages, *counted,
) {
	pages, h := newPages(), &counted{handle: handle}
	cfg.Store = pages
	cached := httpcache.New(cfg).Route(route)
	app.All("/products", cached, h.Handle)
	app.All("/products/:id", cached, h.Handle)
	return app, pages, h
}

var traces atomic.Int64

// outcome is what the cache did, by its Cache-Status: "hit", "stored" or "forwarded".
func outcome(response *http.Response) string {
	switch status := response.Header.Get("Cache-Status"); {
	case strings.Contains(status, "; hit;"):
		return "hit"
	case strings.Contains(status, "; stored"):
		return "stored"
	}
	return "forwarded"
}

func trace(c *fiber.Ctx) error {
	id := strconv.FormatInt(traces.Add(1), 10)
	c.Set(fiber.HeaderXRequestID, id)
	c.SetUserContext(tracing.With(c.UserContext(), &tracing.Trace{ID: id}))
	return c.Next()
}

var minute = httpcache.Config{TTL: time.Minute}

func TestCache_SendsTheSameAnswerAgain(t *testing.T) {
	app, _, h := cachedApp(minute, httpcache.RouteConfig{}, func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, "application/problem+json")
		c.Append(fiber.HeaderLink, "</a>; rel=next")
		c.Response().Header.Add(fiber.HeaderLink, "</b>; rel=last")
		c.Set(fiber.HeaderXFrameOptions, "SAMEORIGIN") // other than the middleware's
		c.Set(fiber.HeaderKeepAlive, "timeout=5")      // about this connection
		return nil
	})
	first, body := fibertest.Send(t, app, "GET", "/products/1")
	if status := first.Header.Get("Cache-Status"); status != "prefab; fwd=uri-miss; stored" {
		t.Errorf("first: Cache-Status %q", status)
	}
	second, again := fibertest.Send(t, app, "GET", "/products/1")
	if again != body || h.calls.Load() != 1 {
		t.Errorf("second: %q after %q, %d calls", again, body, h.calls.Load())
	}
	status := second.Header.Get("Cache-Status")
	if status != "prefab; hit; ttl=59; detail=memory" || second.Header.Get("Age") != "0" {
		t.Errorf("second: Cache-Status %q, Age %q", status, second.Header.Get("Age"))
	}
	if first.Header.Get("X-Request-Id") == second.Header.Get("X-Request-Id") {
		t.Error("the first request's id was given again")
	}
	for name := range second.Header {
		switch name {
		case "X-Request-Id", "Cache-Status", "Age", "Date":
		default:
			if name == "Keep-Alive" || !slices.Equal(first.Header[name], second.Header[name]) {
				t.Errorf("%s: %q, then %q", name, first.Header[name], second.Header[name])
			}
		}
	}
	for name, lines := range map[string]int{"Link": 2, "X-Frame-Options": 1, "Content-Security-Policy": 1, "Etag": 1} {
		if got := second.Header[name]; len(got) != lines {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestCache_AnswersHeadFromThePageOfGet(t *testing.T) {
	app, pages, h := cachedApp(minute, httpcache.RouteConfig{}, nil)
	if response, _ := fibertest.Send(t, app, "HEAD", "/products/1"); response.Header.Get("Cache-Status") != "prefab; fwd=uri-miss" {
		t.Errorf("cold: %q", response.Header.Get("Cache-Status"))
	}
	// A negative TTL: those who wait for the page go on to wait for each other.
	if stored, pending := pages.stored(); stored+pending != 0 || pages.lastTTL >= 0 {
		t.Errorf("a HEAD left %d pages, %d unfinished, TTL %v", stored, pending, pages.lastTTL)
	}
	_, body := fibertest.Send(t, app, "GET", "/products/1")
	response, empty := fibertest.Send(t, app, "HEAD", "/products/1")
	if outcome(response) != "hit" || empty != "" || response.ContentLength != int64(len(body)) || h.calls.Load() != 2 {
		t.Errorf("warm: %s, body %q, length %d", outcome(response), empty, response.ContentLength)
	}
}

func TestCache_StoresTheWholeAnswerToAConditionalRequest(t *testing.T) {
	app, _, h := cachedApp(minute, httpcache.RouteConfig{}, func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderETag, `"7"`)
		return nil
	})
	for _, want := range []string{"stored", "hit"} {
		response, body := fibertest.Send(t, app, "GET", "/products/1", "If-None-Match", `"7"`)
		if response.StatusCode != fiber.StatusNotModified || body != "" || outcome(response) != want {
			t.Errorf("status %d, %q, %s, want %s", response.StatusCode, body, outcome(response), want)
		}
	}
	if response, body := fibertest.Send(t, app, "GET", "/products/1"); response.StatusCode != 200 || body != "answer 1" || h.calls.Load() != 1 {
		t.Errorf("the page is %d %q after %d calls", response.StatusCode, body, h.calls.Load())
	}
}

func TestCache_StoresA404BrieflyAndNoOtherError(t *testing.T) {
	app, _, h := cachedApp(minute, httpcache.RouteConfig{}, func(c *fiber.Ctx) error {
		switch c.Params("id") {
		case "absent":
			return &problem.Error{Code: problem.NotFound, Message: "No such product."}
		case "nowhere":
			return fiber.ErrNotFound
		case "secret":
			c.Set(fiber.HeaderCacheControl, "private")
			return fiber.ErrNotFound
		case "broken":
			return fiber.ErrServiceUnavailable
		}
		return c.Status(fiber.StatusTeapot).SendString("teapot")
	})
	for id, kept := range map[string]bool{"absent": true, "nowhere": true, "secret": false, "broken": false, "teapot": false} {
		h.calls.Store(0)
		first, body := fibertest.Send(t, app, "GET", "/products/"+id)
		second, again := fibertest.Send(t, app, "GET", "/products/"+id)
		if got := h.calls.Load() == 1; got != kept || second.StatusCode != first.StatusCode || again != body {
			t.Errorf("%s: kept %v; %d %q, then %d %q", id, got, first.StatusCode, body, second.StatusCode, again)
		}
		if kept && second.Header.Get("Cache-Status") != "prefab; hit; ttl=1; detail=memory" {
			t.Errorf("%s: %q", id, second.Header.Get("Cache-Status"))
		}
		for _, response := range []*http.Response{first, second} {
			if got := response.Header.Get("Cache-Control"); kept && got != "no-cache" {
				t.Errorf("%s: Cache-Control is %q of an answer that is kept", id, got)
			}
		}
	}
}

func TestCache_ReadsPastProcessMemoryToFill(t *testing.T) {
	var fresh []bool
	app, _, _ := cachedApp(minute, httpcache.RouteConfig{}, func(c *fiber.Ctx) error {
		fresh = append(fresh, tracing.From(c.UserContext()).ReadsFresh())
		return nil
	})
	fibertest.Send(t, app, "GET", "/products/1", "Cookie", "a=b")
	fibertest.Send(t, app, "GET", "/products/1")
	if !slices.Equal(fresh, []bool{false, true}) {
		t.Errorf("fresh: %v", fresh)
	}
}

func TestCache_APanicLetsTheNextOneFill(t *testing.T) {
	var panics atomic.Bool
	app, pages, _ := cachedApp(minute, httpcache.RouteConfig{}, func(*fiber.Ctx) error {
		if panics.Swap(!panics.Load()) {
			return nil
		}
		panic("out of cheese")
	})
	if response, _ := fibertest.Send(t, app, "GET", "/products/1"); response.StatusCode != 500 {
		t.Fatalf("status %d", response.StatusCode)
	}
	if _, pending := pages.stored(); pending != 0 {
		t.Fatal("the page is still waited for")
	}
	if response, _ := fibertest.Send(t, app, "GET", "/products/1"); outcome(response) != "stored" {
		t.Error("the next one did not fill")
	}
}

func TestCache_BypassesExpiredPages(t *testing.T) {
	pages := new(fixedPages)
	app := fibertest.New()
	h := new(counted)
	app.Get("/", httpcache.New(httpcache.Config{Store: pages, TTL: time.Minute}).Route(httpcache.RouteConfig{}), h.Handle)
	fibertest.Send(t, app, "GET", "/")
	pages.page.Stored -= int64(time.Minute)
	response, body := fibertest.Send(t, app, "GET", "/")
	if body != "answer 2" || response.Header.Get("Cache-Status") != "prefab; fwd=stale" {
		t.Errorf("%q, %q", body, response.Header.Get("Cache-Status"))
	}
	pages.page.Stored += int64(time.Hour) // by a clock that is ahead
	if response, _ = fibertest.Send(t, app, "GET", "/"); response.Header.Get("Age") != "0" {
		t.Errorf("Age %q", response.Header.Get("Age"))
	}
}

func TestCache_CompressesOnceForEachEncoding(t *testing.T) {
	text := strings.Repeat("the quick brown fox ", 500)
	cfg := httpcache.Config{
		TTL: time.Minute, Compress: compress.New(compress.Config{Level: 6, MinBytes: 1024}).Apply,
	}
	app, _, h := cachedApp(cfg, httpcache.RouteConfig{}, func(c *fiber.Ctx) error { return c.SendString(text) })
	etags := make(map[string]bool)
	for _, test := range []struct{ accept, encoding, outcome string }{
		{"gzip", "gzip", "stored"}, {"br", "br", "stored"}, {"zstd", "zstd", "stored"}, {"", "", "stored"},
		{"gzip;q=0.5, br", "br", "hit"}, {"deflate, gzip", "gzip", "hit"},
	} {
		response, body := fibertest.Send(t, app, "GET", "/products/1", "Accept-Encoding", test.accept)
		if outcome(response) != test.outcome || response.Header.Get("Content-Encoding") != test.encoding ||
			response.Header.Get("Vary") != "Accept-Encoding" || (test.encoding == "") != (body == text) {
			t.Errorf("%q: %s, %q, %d bytes", test.accept, outcome(response), response.Header.Get("Content-Encoding"), len(body))
		}
		etags[response.Header.Get("Etag")] = true
	}
	if len(etags) != 4 || h.calls.Load() != 4 {
		t.Errorf("%d ETags, %d calls", len(etags), h.calls.Load())
	}
}

func TestCache_StoresEachVariantOfAcceptByItself(t *testing.T) {
	app := fibertest.New()
	short := func(c *fiber.Ctx) string {
		if c.Get("Accept") == "text/short" {
			return "short"
		}
		return ""
	}
	app.Get("/", httpcache.New(httpcache.Config{Store: newPages(), TTL: time.Minute}).
		Route(httpcache.RouteConfig{Variant: short}), func(c *fiber.Ctx) error {
		c.Vary("Accept")
		return c.SendString("the " + short(c) + " form")
	})
	for _, want := range []string{"stored", "hit"} {
		for accept, form := range map[string]string{"text/short": "the short form", "text/plain": "the  form"} {
			response, body := fibertest.Send(t, app, "GET", "/", "Accept", accept)
			if body != form || outcome(response) != want {
				t.Errorf("%s: %q, %s", accept, body, outcome(response))
			}
		}
	}
}

func TestCache_SendsEveryReaderItsOwnPage(t *testing.T) {
	app, pages, _ := cachedApp(minute, httpcache.RouteConfig{Tags: []string{"product:{id}"}}, func(c *fiber.Ctx) error {
		c.Set("X-Id", c.Params("id"))
		return c.Send(bytes.Repeat([]byte(c.Params("id")), 1000))
	})
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 200 {
				id := strconv.Itoa(i * (worker + 1) % 10)
				response, body := fibertest.Send(t, app, "GET", "/products/"+id)
				if body != strings.Repeat(id, 1000) || response.Header.Get("X-Id") != id || response.StatusCode != http.StatusOK {
					t.Errorf("%s: header %q, body begins %.5q", id, response.Header.Get("X-Id"), body)
				}
				if i%20 == 0 {
					_ = pages.Invalidate(t.Context(), "product:"+id)
				}
			}
		})
	}
	wait.Wait()
}

func TestCache_ReportsStaleValues(t *testing.T) {
	app, _, _ := cachedApp(minute, httpcache.RouteConfig{}, func(c *fiber.Ctx) error {
		tracing.From(c.UserContext()).MarkStale()
		return nil
	})
	for _, header := range [][]string{{}, {"Cookie", "a=b"}, {"Cache-Control", "no-cache"}} {
		response, _ := fibertest.Send(t, app, "GET", "/products/1", header...)
		if status := response.Header.Get("Cache-Status"); !strings.HasSuffix(status, "; detail=stale") {
			t.Errorf("with %q: %q", header, status)
		}
	}
}
