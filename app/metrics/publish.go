package metrics

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// Publish sends a snapshot of what g gathers at intervals until ctx ends, and a
// last one then. A snapshot that cannot be made or sent is left out, and told of
// once in a row.
func Publish(
	ctx context.Context, g prometheus.Gatherer, every time.Duration, send func([]byte) error, log *slog.Logger,
) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	failing := false
	for ended := false; !ended; {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			ended = true
		}
		snapshot, err := take(g)
		if err == nil {
			err = send(snapshot)
		}
		if err != nil && !failing {
			log.Warn("metrics do not reach the supervisor", "error", err)
		}
		failing = err != nil
	}
}

func take(g prometheus.Gatherer) ([]byte, error) {
	families, err := g.Gather()
	if err != nil && len(families) == 0 {
		return nil, fmt.Errorf("gather metrics: %w", err)
	}
	var snapshot bytes.Buffer
	out := expfmt.NewEncoder(&snapshot, format)
	for _, family := range families {
		if err := out.Encode(family); err != nil {
			return nil, fmt.Errorf("encode metrics: %w", err)
		}
	}
	return snapshot.Bytes(), nil
}
