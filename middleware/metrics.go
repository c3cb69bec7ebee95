package middleware

import (
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/services"
)

// otherRoute stands for every path that has no route: clients choose paths, and
// each would be a series of its own for ever.
const otherRoute = "other"

// Metrics counts requests and their durations by method and route, and those
// under way. It has to stand outside of whatever turns errors into answers. A
// stream's duration ends where its handler does, before the body is sent.
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
	underWay := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "prefab_http_requests_in_flight",
		Help: "Requests that are being handled.",
	})
	reg.MustRegister(requests, durations, underWay)
	return func(c *fiber.Ctx) error {
		start := time.Now()
		underWay.Inc()
		defer underWay.Dec()
		err := c.Next()
		method, route := routeLabels(services.TraceFrom(c.UserContext()))
		requests.WithLabelValues(method, route, statusLabel(c.Response().StatusCode())).Inc()
		durations.WithLabelValues(method, route).Observe(time.Since(start).Seconds())
		return err
	}
}

// routeLabels splits a route's name, "GET /products/:id".
func routeLabels(trace *services.Trace) (method, route string) {
	if trace != nil {
		if method, route, ok := strings.Cut(trace.Route, " "); ok {
			return method, route
		}
	}
	return otherRoute, otherRoute
}

var statuses = func() (all [600]string) {
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	return all
}()

func statusLabel(status int) string {
	if status >= 100 && status < len(statuses) {
		return statuses[status]
	}
	return otherRoute
}
