package server

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/console"
	"example.com/prefab/app/metrics"
	"example.com/prefab/app/prefork"
	"example.com/prefab/services/health"
)

// consoleOptions are those of the node's console, without its workers.
func (o Options) consoleOptions(merged *metrics.Merged, client redis.UniversalClient) console.Options {
	host, _ := os.Hostname()
	c := console.Options{
		Node: console.NodeInfo{
			Name: fmt.Sprintf("%s:%d", host, os.Getpid()), Version: programVersion(), Started: time.Now().UTC(),
		},
		Metrics: merged, Redis: client, Log: o.Log,
		Actions: o.Settings.OpsActions, Profiles: o.Settings.OpsProfiles,
	}
	for _, f := range o.Effective {
		c.Settings = append(c.Settings, console.Setting{Name: f.Name, Value: f.Masked(), Changed: !f.IsDefault()})
	}
	return c
}

// supervisedWorkers lists the workers of a supervisor, with what they last reported.
func supervisedWorkers(supervisor *prefork.Supervisor, reports *healthReports) []console.Worker {
	var list []console.Worker
	for i, slot := range supervisor.Slots() {
		list = append(list, console.Worker{
			Slot: i, PID: slot.PID, State: string(slot.State), Restarts: slot.Restarts, Health: reports.summary(slot.PID),
		})
	}
	return list
}

// asWorker describes this process, which runs alone, as a worker.
func (p *Process) asWorker() []console.Worker {
	w := console.Worker{PID: os.Getpid(), State: "starting", Health: summary(p.Health.Down(context.Background()))}
	switch p.Health.State() {
	case health.Ready:
		w.State = string(prefork.Ready)
	case health.Draining:
		w.State = "draining"
	}
	return []console.Worker{w}
}

// consoleProcess answers what a console asks this process.
func (p *Process) consoleProcess(service *Service) *console.Process {
	longer := cmp.Or(p.Settings.SlowRequestThreshold, slowCall)
	return &console.Process{
		Jobs: service.Jobs, Queues: service.Queues, Statements: &p.statements, DB: p.DB, Log: p.Log,
		Slow: func() []console.Call { return p.connections.slow(longer) },
	}
}

// summary says which dependencies do not answer.
func summary(down []string) string {
	if len(down) == 0 {
		return "ok"
	}
	return strings.Join(down, ", ") + " down"
}
