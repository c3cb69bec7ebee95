package app

import (
	"context"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/services/health"
)

var dependencyUp = prometheus.NewDesc("prefab_dependency_up",
	"1 where the server answers this process.", []string{"dependency"}, nil)

// healthMetrics collects what the process's health is.
type healthMetrics struct{ health *health.Monitor }

func (healthMetrics) Describe(out chan<- *prometheus.Desc) { out <- dependencyUp }

func (m healthMetrics) Collect(out chan<- prometheus.Metric) {
	down := m.health.Down(context.Background())
	for _, name := range m.health.Names() {
		up := 1.
		if slices.Contains(down, name) {
			up = 0
		}
		out <- prometheus.MustNewConstMetric(dependencyUp, prometheus.GaugeValue, up, name)
	}
}
