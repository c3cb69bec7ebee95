package server

import (
	"context"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/app/prefork"
	"example.com/prefab/services/health"
)

var (
	dependencyUp = prometheus.NewDesc("prefab_dependency_up",
		"1 if the server answers this process.", []string{"dependency"}, nil)
	workerRestarts = prometheus.NewDesc("prefab_worker_restarts_total",
		"Workers that exited unexpectedly and were restarted.", []string{"worker"}, nil)
	workerReady = prometheus.NewDesc("prefab_worker_ready",
		"1 if the worker serves.", []string{"worker"}, nil)
)

// healthMetrics collects the state of a process's dependencies.
type healthMetrics struct{ health *health.Monitor }

func (healthMetrics) Describe(out chan<- *prometheus.Desc) { out <- dependencyUp }

func (m healthMetrics) Collect(out chan<- prometheus.Metric) {
	down := m.health.Down(context.Background())
	for _, name := range m.health.Names() {
		up := !slices.Contains(down, name)
		out <- prometheus.MustNewConstMetric(dependencyUp, prometheus.GaugeValue, number(up), name)
	}
}

// workerMetrics collects what a supervisor knows about its workers.
type workerMetrics func() []prefork.Slot

func (workerMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- workerRestarts
	out <- workerReady
}

func (slots workerMetrics) Collect(out chan<- prometheus.Metric) {
	for i, slot := range slots() {
		worker := strconv.Itoa(i)
		out <- prometheus.MustNewConstMetric(workerRestarts, prometheus.CounterValue, float64(slot.Restarts), worker)
		out <- prometheus.MustNewConstMetric(workerReady, prometheus.GaugeValue, number(slot.State == prefork.Ready), worker)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
