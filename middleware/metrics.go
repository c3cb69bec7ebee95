package middleware

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/services/tracing"
)

// otherRoute stands for every path that has no route: clients choose paths, and
// each would be a series of its own for ever.
const otherRoute = "other"

// Metrics counts requests and their durations by method and route, and those
// under way. It stands behind Trace, and outside of whatever turns errors into answers. A
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
	found := answerMetrics{requests: requests, durations: durations, of: make(map[answered]metricsOfOne)}
	return func(c *fiber.Ctx) error {
		underWay.Inc()
		defer underWay.Dec()
		err := c.Next()
		trace := tracing.From(c.UserContext())
		one := found.find(answered{route: trace.Route, status: c.Response().StatusCode()})
		one.requests.Inc()
		one.durations.Observe(time.Since(trace.Start).Seconds())
		return err
	}
}

// answerMetrics looks up each metric by its labels once.
type answerMetrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec

	mu sync.RWMutex
	of map[answered]metricsOfOne
}

type answered struct {
	route  string // its name, "GET /products/:id", or ""
	status int
}

type metricsOfOne struct {
	requests  prometheus.Counter
	durations prometheus.Observer
}

func (m *answerMetrics) find(key answered) metricsOfOne {
	m.mu.RLock()
	one, ok := m.of[key]
	m.mu.RUnlock()
	if ok {
		return one
	}
	method, route, ok := strings.Cut(key.route, " ")
	if !ok {
		method, route = otherRoute, otherRoute
	}
	status := otherRoute
	if key.status >= 100 && key.status < 600 {
		status = strconv.Itoa(key.status)
	}
	one = metricsOfOne{m.requests.WithLabelValues(method, route, status), m.durations.WithLabelValues(method, route)}
	m.mu.Lock()
	defer m.mu.Unlock()
	if status != otherRoute { // else a handler could fill the map
		m.of[key] = one
	}
	return one
}
