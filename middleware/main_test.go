package middleware_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/services/tracing"
)

// newApp returns a server with our error handler, and what it logs.
func newApp() (*fiber.App, *slog.Logger, *bytes.Buffer) {
	var lines bytes.Buffer
	log := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	app := fiber.New(fiber.Config{
		ErrorHandler: rest.ErrorHandler(log, nil), StrictRouting: true, CaseSensitive: true, EnableTrustedProxyCheck: true,
	})
	app.Use(traced)
	return app, log, &lines
}

// traced gives the request a Trace, without which every answer is private.
func traced(c *fiber.Ctx) error {
	c.SetUserContext(tracing.With(c.UserContext(), new(tracing.Trace)))
	return c.Next()
}

// send makes a request with header lines "Name", "value".
func send(t *testing.T, app *fiber.App, method, target string, headers ...string) (*http.Response, string) {
	t.Helper()
	request := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := app.Test(request, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if other := response.Header.Get("X-Cache"); other != "" { // Fiber's, beside Cache-Status
		t.Errorf("%s %s: X-Cache is %q", method, target, other)
	}
	return response, string(body)
}

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

// from runs f with the context of a request from that peer.
func from(peer string, forwardedFor []string, f func(c *fiber.Ctx)) {
	app := fiber.New()
	var request fasthttp.RequestCtx
	request.SetRemoteAddr(&net.TCPAddr{IP: net.ParseIP(peer), Port: 1234})
	for _, line := range forwardedFor {
		request.Request.Header.Add(fiber.HeaderXForwardedFor, line)
	}
	c := app.AcquireCtx(&request)
	defer app.ReleaseCtx(c)
	f(c)
}

func ok(c *fiber.Ctx) error { return c.SendString("ok") }
