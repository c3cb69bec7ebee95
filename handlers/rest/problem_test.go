package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/writes"
)

const secret = "postgres://ada:hunter2@db"

// answerTo returns what a client gets for a handler's error, and the log.
func answerTo(t *testing.T, handler fiber.Handler) (response *http.Response, body, log string) {
	t.Helper()
	var lines bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	app := fiber.New(fiber.Config{ErrorHandler: ErrorHandler(logger, nil, ErrorFormat{})})
	app.Use(func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderXRequestID, "given")
		return c.Next()
	})
	app.Get("/things/:id", handler)
	response, err := app.Test(httptest.NewRequest(fiber.MethodGet, "/things/7?password="+"hunter2", nil), -1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(content), lines.String()
}

func TestErrorHandler_EveryCodeHasItsStatus(t *testing.T) {
	statuses := []int{500, 400, 422, 415, 401, 403, 404, 409, 412, 429, 503} // in the order of the codes
	if len(statusOf) != len(statuses) {
		t.Errorf("%d codes have a status, want %d", len(statusOf), len(statuses))
	}
	for i, want := range statuses {
		code := problem.Code(i)
		response, body, _ := answerTo(t, func(*fiber.Ctx) error {
			return fmt.Errorf("%s: %w", secret, &problem.Error{Code: code, Message: "A message for users."})
		})
		var p Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		detail := "A message for users."
		if code == problem.Internal {
			detail = somethingWrong
		}
		if response.StatusCode != want || p.Status != want || p.Title != http.StatusText(want) || p.Detail != detail {
			t.Errorf("code %d: status %d, %s, want %d", code, response.StatusCode, body, want)
		}
		if strings.Contains(body, "hunter2") || p.Type != "about:blank" || p.Instance != "/things/7" || p.Errors != nil {
			t.Errorf("code %d: %s", code, body)
		}
	}
}

func TestErrorHandler_AnswersAndLogs(t *testing.T) {
	unavailable := fmt.Errorf("list: %w: %w", problem.ErrUnavailable, errors.New(secret))
	tooMany := &problem.Error{Code: problem.TooMany, Message: "Wait.", RetryAfter: 1001 * time.Millisecond}
	for _, c := range []struct {
		what         string
		err          error
		status       int
		detail       string
		retry, level string // "" for none
	}{
		{"the unforeseen", errors.New(secret), 500, somethingWrong, "", "ERROR"},
		{"a server away", unavailable, 503, problem.ErrUnavailable.Message, "2", "WARN"},
		{"a deadline", fmt.Errorf("%s: %w", secret, context.DeadlineExceeded), 503, problem.ErrUnavailable.Message, "2", "WARN"},
		{"a cancellation", context.Canceled, 503, problem.ErrUnavailable.Message, "2", "WARN"},
		{"what PostgreSQL refused", fmt.Errorf("%s: %w", secret, writes.ErrInvalid), 422, writes.ErrInvalid.Message, "", "WARN"},
		{"the user's mistake", errNoLamp, 404, errNoLamp.Message, "", ""},
		{"a limit", tooMany, 429, "Wait.", "2", ""},
		{"Fiber's 404", fiber.NewError(404, secret), 404, detailOf[404], "", ""},
		{"Fiber's 405", fiber.NewError(405, secret), 405, detailOf[405], "", ""},
		{"Fiber's 413", fiber.NewError(413, secret), 413, detailOf[413], "", ""},
		{"Fiber's 431", fiber.NewError(431, secret), 431, detailOf[431], "", ""},
		{"Fiber's 500", fiber.NewError(500, secret), 500, somethingWrong, "", "ERROR"},
		{"a Fiber error nobody foresaw", fiber.NewError(418, secret), 418, "", "", ""},
	} {
		response, body, log := answerTo(t, func(*fiber.Ctx) error { return c.err })
		var p Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if response.StatusCode != c.status || p.Detail != c.detail || strings.Contains(body, "hunter2") {
			t.Errorf("%s: status %d, want %d, %s", c.what, response.StatusCode, c.status, body)
		}
		if got := response.Header.Get(fiber.HeaderRetryAfter); got != c.retry {
			t.Errorf("%s: Retry-After %q, want %q", c.what, got, c.retry)
		}
		if c.level == "" && log != "" || c.level != "" && (strings.Count(log, "\n") != 1 || !strings.Contains(log, "level="+c.level)) {
			t.Errorf("%s: want one line at level %q, and the log is %q", c.what, c.level, log)
		}
		if c.level != "" && !strings.Contains(log, c.err.Error()) {
			t.Errorf("%s: the log does not tell the cause: %s", c.what, log)
		}
	}
}

func TestErrorHandler_NamesTheFieldsInAnAnswerThatNobodyStores(t *testing.T) {
	response, body, _ := answerTo(t, func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderETag, `"1-a"`)
		c.Set(fiber.HeaderCacheControl, "public, max-age=60")
		return problem.InvalidField("limit", "must be from 1 to 100")
	})
	if want := `"errors":[{"field":"limit","message":"must be from 1 to 100"}]`; !strings.Contains(body, want) {
		t.Errorf("%s has no %s", body, want)
	}
	for name, want := range map[string]string{
		fiber.HeaderContentType: "application/problem+json", fiber.HeaderCacheControl: "no-store", fiber.HeaderETag: "",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := response.Header.Get(fiber.HeaderXRequestID); got != "given" {
		t.Errorf("the request id is %q, want the one that was given", got)
	}
}

// Fiber answers these without any middleware.
func TestErrorHandler_ARequestThatNoMiddlewareSawHasAnIDAndALine(t *testing.T) {
	var log bytes.Buffer
	app := fiber.New()
	c := app.AcquireCtx(&fasthttp.RequestCtx{})
	defer app.ReleaseCtx(c)
	if err := ErrorHandler(slog.New(slog.NewTextHandler(&log, nil)), nil, ErrorFormat{})(c, fiber.ErrRequestEntityTooLarge); err != nil {
		t.Fatal(err)
	}
	id := string(c.Response().Header.Peek(fiber.HeaderXRequestID))
	if len(id) < 20 || string(c.Response().Header.Peek(fiber.HeaderXContentTypeOptions)) != "nosniff" {
		t.Errorf("the header is\n%s", c.Response().Header.String())
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, id) || !strings.Contains(got, "status=413") {
		t.Errorf("the log is %s", got)
	}
}
