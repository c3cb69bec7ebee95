package app

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/app/prefork"
)

var (
	workerRestarts = prometheus.NewDesc("prefab_worker_restarts_total",
		"Workers that ended unasked and were started anew.", []string{"worker"}, nil)
	workerReady = prometheus.NewDesc("prefab_worker_ready",
		"1 where the worker serves.", []string{"worker"}, nil)
)

// slots collects what a supervisor knows of its workers.
type slots func() []prefork.Slot

func (slots) Describe(out chan<- *prometheus.Desc) {
	out <- workerRestarts
	out <- workerReady
}

func (s slots) Collect(out chan<- prometheus.Metric) {
	for i, slot := range s() {
		ready := 0.
		if slot.State == prefork.Ready {
			ready = 1
		}
		worker := strconv.Itoa(i)
		out <- prometheus.MustNewConstMetric(workerRestarts, prometheus.CounterValue, float64(slot.Restarts), worker)
		out <- prometheus.MustNewConstMetric(workerReady, prometheus.GaugeValue, ready, worker)
	}
}
