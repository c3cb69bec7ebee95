package server

import (
	"encoding/json"
	"fmt"

	"example.com/prefab/app/metrics"
	"example.com/prefab/app/prefork"
	"example.com/prefab/handlers/ops"
)

// A worker's message to its supervisor begins with what it holds.
const (
	metricsMessage = 'm'
	healthMessage  = 'h'
)

func sendMetrics(worker *prefork.Worker) func(snapshot []byte) error {
	return func(snapshot []byte) error { return worker.Send(append([]byte{metricsMessage}, snapshot...)) }
}

func sendHealth(worker *prefork.Worker) func(ops.Report) {
	return func(report ops.Report) {
		if body, err := json.Marshal(report); err == nil {
			_ = worker.Send(append([]byte{healthMessage}, body...)) // metrics go the same way, and log the error
		}
	}
}

// receive takes a worker's message.
func receive(slot, pid int, message []byte, merged *metrics.Merged, reports *healthReports) error {
	switch {
	case len(message) > 0 && message[0] == metricsMessage:
		return merged.Receive(slot, pid, message[1:])
	case len(message) > 0 && message[0] == healthMessage:
		var report ops.Report
		if err := json.Unmarshal(message[1:], &report); err != nil {
			return fmt.Errorf("read the health of worker %d: %w", slot, err)
		}
		reports.receive(pid, report)
		return nil
	}
	return fmt.Errorf("worker %d sent what is neither metrics nor health", slot)
}
