package request

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/services/tracing"
)

// otherRoute stands for every path without a route: clients choose paths, and each would
// become a series.
const otherRoute = "other"

// Metrics counts requests and measures their durations by method and route. Mount it
// behind Trace, and outside of AccessLog, which turns errors into answers. The duration of
// a stream ends with its handler, before the body is sent.
func Metrics(reg prometheus.Registerer) fiber.Handler {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "prefab_http_requests_total",
		Help: "Requests that were answered, by route, and by status.",
	}, []string{"method", "route", "status"})
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "prefab_http_request_duration_seconds",
		Help:    "Time in the handlers, in which the rest of a body above 8 KiB arrives too.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"method", "route"})
	inFlight := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "prefab_http_requests_in_flight",
		Help: "Requests that are being handled.",
	})
	reg.MustRegister(requests, durations, inFlight)
	type labels struct {
		route  string // its name, "GET /products/:id", or ""
		status int
	}
	type series struct {
		requests  prometheus.Counter
		durations prometheus.Observer
	}
	var known sync.Map // series by labels: prometheus takes longer to find them by text
	return func(c *fiber.Ctx) error {
		inFlight.Inc()
		defer inFlight.Dec()
		err := c.Next()
		trace := tracing.From(c.UserContext())
		key := labels{trace.Route, c.Response().StatusCode()}
		found, ok := known.Load(key)
		if !ok {
			method, route, named := strings.Cut(key.route, " ")
			if !named {
				method, route = otherRoute, otherRoute
			}
			found = series{
				requests.WithLabelValues(method, route, strconv.Itoa(key.status)), durations.WithLabelValues(method, route),
			}
			known.Store(key, found)
		}
		one := found.(series)
		one.requests.Inc()
		one.durations.Observe(time.Since(trace.Start).Seconds())
		return err
	}
}
