//go:build otel

package server

import (
	"context"

	"example.com/prefab/app/otel"
)

// recordSpans exports the spans of this process, if the environment names a receiver.
func (p *Process) recordSpans(ctx context.Context) (flush func(), err error) {
	exporter, err := otel.New(ctx, p.Log)
	if err != nil || exporter == nil {
		return func() {}, err
	}
	p.spans = exporter
	return exporter.Close, nil
}
