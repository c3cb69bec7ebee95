// Package fibertest helps to test middleware.
//
//	app := fibertest.New()
//	app.Get("/", middlewareUnderTest, fibertest.OK)
//	response, body := fibertest.Send(t, app, "GET", "/", "Accept-Encoding", "gzip")
package fibertest

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// New returns an app whose requests have a Trace, and whose errors become answers.
func New() *fiber.App {
	app := fiber.New(fiber.Config{
		ErrorHandler: answerError, StrictRouting: true, CaseSensitive: true, EnableTrustedProxyCheck: true,
	})
	app.Use(Trace)
	return app
}

// Trace gives the request a Trace.
func Trace(c *fiber.Ctx) error {
	c.SetUserContext(tracing.With(c.UserContext(), &tracing.Trace{Start: time.Now()}))
	return c.Next()
}

// OK answers "ok".
func OK(c *fiber.Ctx) error { return c.SendString("ok") }

var statuses = map[problem.Code]int{
	problem.Malformed: 400, problem.Unauthenticated: 401, problem.Forbidden: 403, problem.NotFound: 404,
	problem.Invalid: 422, problem.TooMany: 429, problem.Unavailable: 503,
}

func answerError(c *fiber.Ctx, err error) error {
	status := cmp.Or(statuses[problem.CodeOf(err)], fiber.StatusInternalServerError)
	if fibers, ok := errors.AsType[*fiber.Error](err); ok {
		status = fibers.Code
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(status).SendString(http.StatusText(status))
}

// Send makes a request with header lines "Name", "value", of which "Host" is one too.
func Send(t testing.TB, app *fiber.App, method, target string, headers ...string) (*http.Response, string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
			continue
		}
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
	return response, string(body)
}
