package middleware_test

import (
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/middleware"
)

// BenchmarkMetrics is what counting and timing add to a request that does nothing.
func BenchmarkMetrics(b *testing.B) {
	trace := middleware.Trace(time.Minute, nil)
	body := make([]byte, 4096)
	handler := func(c *fiber.Ctx) error { return c.Send(body) }
	for name, handlers := range map[string][]fiber.Handler{
		"without": {trace, handler},
		"with":    {trace, middleware.Metrics(prometheus.NewRegistry()), handler},
	} {
		b.Run(name, func(b *testing.B) { benchmarkGet(b, "/api/v1/products/42", handlers) })
	}
}
