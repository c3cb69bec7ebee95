package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/app/console"
	"example.com/prefab/app/metrics"
	"example.com/prefab/app/prefork"
	"example.com/prefab/handlers/ops"
	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/services/health"
)

const (
	reportInterval = time.Second     // bounds what the metrics lose when a worker is killed
	reportMaxAge   = 5 * time.Second // a worker that has not reported for longer hangs
	consoleConns   = 4               // to Redis
)

// workerReport is what a worker sends to its supervisor at each interval.
type workerReport struct {
	Metrics []byte
	Health  ops.Report
}

// supervise runs the workers. It opens no pools but the console's.
func (o Options) supervise(ctx context.Context, listener *net.TCPListener) error {
	s := o.Settings
	workers := s.WorkerCount()
	registry := prometheus.NewRegistry()
	merged, reports := metrics.NewMerged(registry), &healthReports{newest: make(map[int]ops.Report)}
	supervisor, err := prefork.New(prefork.Options{
		Listener: listener, Workers: workers, Log: o.Log,
		Env: []string{
			"PREFORK=true", "WORKERS=" + strconv.Itoa(workers), // a worker's part of the pools depends on both
			"DATABASE_URL=" + string(s.DatabaseURL), "REDIS_URL=" + string(s.RedisURL),
		},
		ReadyTimeout: s.StartTimeout + 10*time.Second,
		DrainTimeout: s.ShutdownDelay + s.ShutdownTimeout + 5*time.Second,
		Receive: func(slot, pid int, message []byte) {
			var report workerReport
			err := json.Unmarshal(message, &report)
			if err == nil {
				err = merged.Receive(slot, pid, report.Metrics)
			}
			if err != nil {
				o.Log.Warn("invalid message from worker", "worker", slot, "error", err)
				return
			}
			reports.receive(pid, report.Health)
		},
		Ended: func(slot, pid int) {
			merged.Ended(slot, pid)
			reports.ended(pid)
		},
	})
	if err != nil {
		return err
	}
	for i := range workers {
		labels := prometheus.Labels{"worker": strconv.Itoa(i)}
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "prefab_worker_restarts_total", ConstLabels: labels,
			Help: "Workers that exited unexpectedly and were restarted.",
		}, func() float64 { return float64(supervisor.Slots()[i].Restarts) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "prefab_worker_ready", ConstLabels: labels,
			Help: "1 if the worker serves.",
		}, func() float64 { return number(supervisor.Slots()[i].State == prefork.Ready) }))
	}
	client, err := redisclient.Open(string(s.RedisURL), consoleConns)
	if err != nil {
		return err
	}
	defer client.Close()
	show := o.consoleOptions(merged, client)
	show.Workers = func() []console.Worker { return supervisedWorkers(supervisor, reports) }
	show.Ask, show.Roll = supervisor.Ask, supervisor.Roll
	stopAdmin, err := o.startAdmin(ctx, adminPages{
		metrics: merged, console: console.New(show),
		health: func(context.Context) ops.Report {
			return reports.worst().WithWorkers(countReady(supervisor), workers)
		},
		// The supervisor serves while a worker does. It asks no dependency, but knows from
		// the workers' reports which ones do not answer.
		readiness: func(context.Context) (health.State, []string) {
			ready, degraded := countReady(supervisor), reports.worst().Down()
			switch {
			case ctx.Err() != nil:
				return health.Draining, nil
			case ready == 0:
				return health.Starting, nil
			case ready < workers:
				degraded = append(degraded, "workers")
			}
			return health.Ready, degraded
		},
	})
	if err != nil {
		return err
	}
	defer stopAdmin()
	return supervisor.Run(ctx)
}

func (o Options) runWorker(ctx context.Context) error {
	worker, err := prefork.Inherit()
	if err != nil {
		return err
	}
	o.Log = o.Log.With("worker", worker.Slot)
	limitMemory(o.Settings.WorkerCount(), memlimit.FromCgroup, o.Log)
	o.Settings = o.Settings.ForWorker()
	return o.openAndServe(worker.Context(ctx), worker.Listener, &Process{worker: worker})
}

// report sends the metrics and the health of a worker to its supervisor: at once, at
// intervals, and when stop is called, so that everything that was served is counted.
func (p *Process) report(service *Service) (stop func()) {
	failed := false
	send := func() {
		err := p.sendReport(service)
		if err != nil && !failed {
			p.Log.Warn("metrics do not reach the supervisor", "error", err)
		}
		failed = err != nil
	}
	send()
	p.worker.Answer(p.consoleProcess(service).Answer)
	ctx, cancel := context.WithCancel(context.Background())
	var reporting sync.WaitGroup
	reporting.Go(func() {
		for {
			select {
			case <-time.After(reportInterval):
				send()
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); reporting.Wait(); send() }
}

func (p *Process) sendReport(service *Service) error {
	snapshot, err := metrics.Snapshot(p.Metrics)
	if err != nil {
		return err
	}
	message, err := json.Marshal(workerReport{snapshot, service.Health.Report(context.Background())})
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	return p.worker.Send(message)
}

// healthReports holds the newest health of every worker. A supervisor has no connection to
// their dependencies.
type healthReports struct {
	mu     sync.Mutex
	newest map[int]ops.Report // by pid
}

func (r *healthReports) receive(pid int, report ops.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.newest[pid] = report
}

func (r *healthReports) ended(pid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.newest, pid)
}

// summary says how the worker's process is.
func (r *healthReports) summary(pid int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	report, known := r.newest[pid]
	switch {
	case !known:
		return ""
	case time.Since(report.Timestamp) > reportMaxAge:
		return "does not report"
	case report.OK() || len(report.Down()) > 0:
		return summary(report.Down())
	}
	return report.Status
}

// worst returns the report of an unhealthy worker, or of any if all are healthy.
func (r *healthReports) worst() ops.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := ops.Report{Status: "error", Timestamp: time.Now().UTC()} // if none has reported yet
	for _, report := range r.newest {
		found = report
		if time.Since(report.Timestamp) > reportMaxAge {
			found.Status = "error"
		}
		if !found.OK() {
			break
		}
	}
	return found
}

func countReady(supervisor *prefork.Supervisor) (ready int) {
	for _, slot := range supervisor.Slots() {
		if slot.State == prefork.Ready {
			ready++
		}
	}
	return ready
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
