package request_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/request"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// logged returns an app, and what it and the returned logger log.
func logged() (*fiber.App, *slog.Logger, *bytes.Buffer) {
	var lines bytes.Buffer
	log := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	answer := fibertest.New().Config().ErrorHandler
	return fiber.New(fiber.Config{ErrorHandler: func(c *fiber.Ctx, err error) error {
		if fibers := new(fiber.Error); !errors.As(err, &fibers) {
			log.Error("fault", "error", err)
		}
		return answer(c, err)
	}}), log, &lines
}

func TestAccessLog_WritesOneLineWithTheStatusThatTheClientGets(t *testing.T) {
	app, log, lines := logged()
	app.Use(request.Trace(time.Minute, nil), request.AccessLog(log, 0), request.Recover())
	app.Get("/good", func(c *fiber.Ctx) error {
		tracing.From(c.UserContext()).CountQuery()
		tracing.From(c.UserContext()).CountQuery()
		return c.SendString("12345")
	})
	app.Get("/bad", func(*fiber.Ctx) error { return problem.InvalidField("limit", "is odd") })
	app.Get("/panics", func(*fiber.Ctx) error { panic("out of cheese") })
	app.Get("/stream", func(c *fiber.Ctx) error { return c.SendStream(strings.NewReader("123")) })
	app.Get("/health/live", fibertest.OK)
	app.Get("/health", func(c *fiber.Ctx) error { return c.SendStatus(503) })
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/good", 200, "level=INFO msg=request status=200 duration=T bytes=5 queries=2"},
		{"/bad", 422, "level=INFO msg=request status=422 duration=T bytes=N queries=0"},
		{"/panics", 500, "level=INFO msg=request status=500 duration=T bytes=N queries=0"},
		{"/nowhere", 404, "level=INFO msg=request status=404 duration=T bytes=N queries=0"},
		{"/stream", 200, "level=INFO msg=request status=200 duration=T bytes=-1 queries=0"},
		{"/health/live", 200, "level=DEBUG msg=request status=200 duration=T bytes=2 queries=0"},
		{"/health", 503, "level=INFO msg=request status=503 duration=T bytes=N queries=0"},
	} {
		lines.Reset()
		response, body := fibertest.Send(t, app, "GET", c.path)
		var found []string
		for line := range strings.Lines(lines.String()) {
			if strings.Contains(line, "msg=request ") {
				found = append(found, line)
			}
		}
		if response.StatusCode != c.status || len(found) != 1 {
			t.Errorf("%s: status %d, lines %q", c.path, response.StatusCode, found)
			continue
		}
		_, rest, _ := strings.Cut(strings.TrimSpace(found[0]), " ") // behind the time
		duration := strings.Fields(rest)[3]
		got := strings.Replace(rest, duration, "duration=T", 1)
		want := strings.Replace(c.want, "bytes=N", fmt.Sprint("bytes=", len(body)), 1)
		if got != want {
			t.Errorf("%s: %q, want %q", c.path, got, want)
		}
	}
}

func TestAccessLog_WarnsOfSlowRequests(t *testing.T) {
	for slow, want := range map[time.Duration]string{
		time.Minute:     "level=INFO msg=request status=404 ",
		time.Nanosecond: `level=WARN msg="slow request" status=404 `,
		0:               "level=INFO msg=request status=404 ",
	} {
		app, log, lines := logged()
		app.Use(request.Trace(time.Minute, nil), request.AccessLog(log, slow))
		fibertest.Send(t, app, "GET", "/health")
		if strings.Count(lines.String(), "duration=") != 1 || !strings.Contains(lines.String(), want) {
			t.Errorf("slow from %v: want %q in the log\n%s", slow, want, lines)
		}
	}
}

func TestAccessLog_HoldsNothingOfAPerson(t *testing.T) {
	app, log, lines := logged()
	proxies := request.Proxies{netip.MustParsePrefix("0.0.0.0/0")}
	app.Use(request.Trace(time.Minute, proxies), request.AccessLog(log, 0), request.Recover())
	app.Get("/users/:name", func(c *fiber.Ctx) error {
		if got := tracing.From(c.UserContext()).ClientAddress().String(); got != "203.0.113.9" {
			t.Errorf("the trace has the address %s", got)
		}
		return c.SendStatus(fiber.StatusTeapot)
	})
	for _, target := range []string{"/users/lovelace?email=hunter2@example.com", "/nowhere/lovelace?hunter2"} {
		fibertest.Send(t, app, "GET", target,
			fiber.HeaderXForwardedFor, "203.0.113.9", fiber.HeaderUserAgent, "lovelace", fiber.HeaderReferer, "http://x/?hunter2",
			fiber.HeaderCookie, "session=hunter2", fiber.HeaderAuthorization, "Bearer hunter2")
	}
	for _, personal := range []string{"lovelace", "hunter2", "203.0.113", "/users"} {
		if strings.Contains(lines.String(), personal) {
			t.Errorf("%q is in the log:\n%s", personal, lines)
		}
	}
	if strings.Count(lines.String(), "msg=request") != 2 {
		t.Errorf("the log is\n%s", lines)
	}
}

func TestRecover_AnswersAPanicAndLogsWhereItCameFrom(t *testing.T) {
	app, _, lines := logged()
	app.Use(request.Recover())
	app.Get("/domain", func(*fiber.Ctx) error { panic(problem.ErrUnavailable) })
	app.Get("/text", func(*fiber.Ctx) error { panic("out of cheese") })
	app.Get("/runtime", func(c *fiber.Ctx) error { return c.SendString([]string{}[len(c.Path())]) })
	for _, path := range []string{"/domain", "/text", "/runtime"} {
		lines.Reset()
		response, body := fibertest.Send(t, app, "GET", path)
		log := lines.String()
		if response.StatusCode != 500 || strings.Count(log, "panic: ") != 1 || !strings.Contains(log, "log_test.go") {
			t.Errorf("%s: status %d, %s, and in the log:\n%s", path, response.StatusCode, body, log)
		}
	}
}
