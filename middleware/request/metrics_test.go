package request_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/request"
)

func TestMetrics_CountByPatternAndFinalStatus(t *testing.T) {
	reg, app := prometheus.NewRegistry(), fibertest.New()
	app.Use(request.Trace(time.Minute, nil), request.Metrics(reg), func(c *fiber.Ctx) error {
		if err := c.Next(); err != nil {
			return c.App().ErrorHandler(c, err)
		}
		return nil
	})
	app.Get("/things/:id", func(c *fiber.Ctx) error {
		if c.Params("id") == "bad" {
			return errors.New("bad")
		}
		return c.SendString("thing")
	})
	request.NameRoutes(app)
	for _, path := range []string{"/things/1", "/things/2", "/things/bad"} {
		fibertest.Send(t, app, "GET", path)
	}
	for i := range 200 { // clients choose paths and methods, so these are one series
		fibertest.Send(t, app, []string{"GET", "POST", "DELETE", "TRACE"}[i%4], "/rubbish/"+strconv.Itoa(i))
	}
	want := `
# HELP prefab_http_requests_total Requests that were answered, by route, and by status.
# TYPE prefab_http_requests_total counter
prefab_http_requests_total{method="GET",route="/things/:id",status="200"} 2
prefab_http_requests_total{method="GET",route="/things/:id",status="500"} 1
prefab_http_requests_total{method="other",route="other",status="404"} 200
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "prefab_http_requests_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(reg, "prefab_http_request_duration_seconds"); err != nil || n != 2 {
		t.Errorf("there are %d series of durations: %v", n, err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}
