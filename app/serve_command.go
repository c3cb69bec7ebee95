package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/app/metrics"
	"example.com/prefab/app/prefork"
	"example.com/prefab/handlers/ops"
	"example.com/prefab/services/health"
)

// ExitError is the status of a service that ran below process 1; it has said why.
type ExitError = prefork.ExitError

// ErrInterrupted says that a second interrupt ended the service at once.
var ErrInterrupted = prefork.ErrInterrupted

// snapshotInterval is how far the metrics of a killed worker may lag behind.
const snapshotInterval = time.Second

// runServe serves in one of four roles: alone; or, with PREFORK, as a supervisor,
// as one of its workers, or as process 1 above it.
func runServe(ctx context.Context, e environment, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("serve takes no arguments: %w", ErrUsage)
	}
	switch {
	case prefork.IsWorker():
		return serveAsWorker(ctx, e)
	case e.cfg.Preforks() && prefork.IsInit():
		return prefork.Init()
	}
	if err := probe(ctx, e.cfg); err != nil {
		return err
	}
	prepared, err := Prepare(ctx, e.cfg, e.log)
	if err != nil {
		return err
	}
	defer prepared.Stop(e.log)
	listener, err := listen(ctx, e.cfg)
	if err != nil {
		return err
	}
	defer listener.Close()
	if prepared.Embedded {
		printWelcome(e.out, listener.Addr())
	}
	if e.cfg.Preforks() {
		err := supervise(ctx, prepared.Config, listener, e)
		if !errors.Is(err, prefork.ErrUnsupported) {
			return err
		}
		e.log.Warn("PREFORK is on, but this system cannot; one process serves")
		prepared.Config.Prefork = new(bool)
	}
	limitMemory(1, memlimit.FromCgroup, e.log)
	reports := newHealthReports()
	return serveAs(ctx, prepared.Config, listener, e.log, seat{
		metrics: prometheus.NewRegistry(), admin: reports,
		health: func(report ops.Report) { reports.receive(os.Getpid(), report) },
	})
}

// supervise keeps workers on the listener. It opens no pools.
func supervise(ctx context.Context, cfg Config, listener *net.TCPListener, e environment) error {
	workers := cfg.WorkerCount()
	own := prometheus.NewRegistry()
	merged, reports := metrics.NewMerged(own), newHealthReports()
	supervisor, err := prefork.New(prefork.Options{
		Listener: listener, Workers: workers, Log: e.log,
		Env: []string{
			"WORKERS=" + strconv.Itoa(workers),
			"DATABASE_URL=" + string(cfg.DatabaseURL), "REDIS_URL=" + string(cfg.RedisURL),
		},
		ReadyTimeout: cfg.StartTimeout + 10*time.Second,
		DrainTimeout: cfg.ShutdownDelay + cfg.ShutdownTimeout + 5*time.Second,
		Receive: func(slot, pid int, message []byte) {
			if err := receive(slot, pid, message, merged, reports); err != nil {
				e.log.Warn("a worker's message is not usable", "error", err)
			}
		},
		Ended: func(slot, pid int) {
			merged.Ended(slot, pid)
			reports.ended(pid)
		},
	})
	if err != nil {
		return err
	}
	own.MustRegister(slots(supervisor.Slots))
	stopAdmin, err := startAdmin(ctx, cfg, merged, reports, func(context.Context) (health.State, []string) {
		if ctx.Err() != nil {
			return health.Draining, nil
		}
		return workersReadiness(supervisor.Slots(), reports)
	}, e.log)
	if err != nil {
		return err
	}
	defer stopAdmin()
	e.log.Info("supervising", "address", listener.Addr().String(), "workers", workers)
	return supervisor.Run(ctx)
}

func serveAsWorker(ctx context.Context, e environment) error {
	worker, err := prefork.Inherit()
	if err != nil {
		return err
	}
	cfg := e.cfg
	log := e.log.With("worker", worker.Slot)
	limitMemory(cfg.WorkerCount(), memlimit.FromCgroup, log)
	registry := prometheus.NewRegistry()
	var published sync.WaitGroup
	defer published.Wait()
	publishing, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end() // before the wait: the last snapshot tells of all that was served
	published.Go(func() { metrics.Publish(publishing, registry, snapshotInterval, sendMetrics(worker), log) })
	return serveAs(worker.Context(ctx), cfg.forWorker(), worker.Listener, log, seat{
		metrics: registry, health: sendHealth(worker), ready: worker.Ready,
		workers: func() (ready, all int) { return countReady(worker.Slots()) },
	})
}

// probe tells at once of a port that is taken. It does not keep the ports: what
// listened during a long migration would take connections and leave them waiting.
func probe(ctx context.Context, cfg Config) error {
	listener, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	defer listener.Close()
	if cfg.AdminAddr == "" {
		return nil
	}
	admin, err := listenAdmin(ctx, cfg)
	if err != nil {
		return err
	}
	return admin.Close()
}

func listen(ctx context.Context, cfg Config) (*net.TCPListener, error) {
	address := net.JoinHostPort(string(cfg.Host), strconv.Itoa(cfg.Port))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program; choose another PORT: %w", address, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("listen on %s: not by TCP", address)
	}
	return tcp, nil
}
