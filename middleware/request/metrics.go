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
	found := cachedMetrics{requests: requests, durations: durations, of: make(map[labels]requestMetrics)}
	return func(c *fiber.Ctx) error {
		inFlight.Inc()
		defer inFlight.Dec()
		err := c.Next()
		trace := tracing.From(c.UserContext())
		one := found.find(labels{route: trace.Route, status: c.Response().StatusCode()})
		one.requests.Inc()
		one.durations.Observe(time.Since(trace.Start).Seconds())
		return err
	}
}

// cachedMetrics looks up the metrics of each pair of labels once.
type cachedMetrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec

	mu sync.RWMutex
	of map[labels]requestMetrics
}

type labels struct {
	route  string // its name, "GET /products/:id", or ""
	status int
}

type requestMetrics struct {
	requests  prometheus.Counter
	durations prometheus.Observer
}

func (m *cachedMetrics) find(key labels) requestMetrics {
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
	one = requestMetrics{m.requests.WithLabelValues(method, route, status), m.durations.WithLabelValues(method, route)}
	m.mu.Lock()
	defer m.mu.Unlock()
	if status != otherRoute { // the map stays bounded
		m.of[key] = one
	}
	return one
}
