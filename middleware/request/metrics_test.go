package request_test

import (
	"errors"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"example.com/prefab/middleware/request"
)

func measured(reg prometheus.Registerer) *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ErrorHandler: func(c *fiber.Ctx, _ error) error {
		return c.SendStatus(fiber.StatusTeapot)
	}})
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
	return app
}

func TestMetrics_CountByPatternAndFinalStatus(t *testing.T) {
	reg := prometheus.NewRegistry()
	app := measured(reg)
	for _, path := range []string{"/things/1", "/things/2", "/things/bad"} {
		response, err := app.Test(httptest.NewRequest("GET", path, nil), -1)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	want := `
# HELP prefab_http_requests_total Requests that were answered, by route, and by status.
# TYPE prefab_http_requests_total counter
prefab_http_requests_total{method="GET",route="/things/:id",status="200"} 2
prefab_http_requests_total{method="GET",route="/things/:id",status="418"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "prefab_http_requests_total"); err != nil {
		t.Error(err)
	}
}

func TestMetrics_PathsOfClientsMakeNoSeries(t *testing.T) {
	reg := prometheus.NewRegistry()
	app := measured(reg)
	for i := range 200 {
		method := []string{"GET", "POST", "DELETE", "TRACE"}[i%4]
		response, err := app.Test(httptest.NewRequest(method, "/rubbish/"+strconv.Itoa(i), nil), -1)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	n, err := testutil.GatherAndCount(reg, "prefab_http_requests_total", "prefab_http_request_duration_seconds")
	if err != nil || n > 2 {
		t.Errorf("there are %d series: %v", n, err)
	}
}

func TestMetrics_NamesAreByPrometheusConventions(t *testing.T) {
	reg := prometheus.NewRegistry()
	measured(reg)
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}
