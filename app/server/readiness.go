package server

import (
	"context"

	"example.com/prefab/app/prefork"
	"example.com/prefab/handlers/ops"
	"example.com/prefab/services/health"
)

// readiness is what a process that serves alone says at ADMIN_ADDR.
func (p *Process) readiness(ctx context.Context) (health.State, []string) {
	state := p.Health.State()
	if state != health.Ready {
		return state, nil
	}
	return state, p.Health.Down(ctx)
}

// workersReadiness is what a supervisor says: it serves while a worker does. It asks
// no dependency, but knows from the workers' reports which ones do not answer.
func workersReadiness(slots []prefork.Slot, reports *healthReports) (health.State, []string) {
	ready, all := countReady(slots)
	if ready == 0 {
		return health.Starting, nil
	}
	degraded := reports.down()
	if ready < all {
		degraded = append(degraded, ops.Workers)
	}
	return health.Ready, degraded
}
