package server

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

// ExitError is the exit status of a service that runs as a child of process 1. The child
// has logged the reason.
type ExitError = prefork.ExitError

// ErrInterrupted says that a second interrupt ended the service at once.
var ErrInterrupted = prefork.ErrInterrupted

// snapshotInterval bounds what the metrics lose when a worker is killed.
const snapshotInterval = time.Second

// Run serves in one of four roles: as a single process or, with PREFORK, as the supervisor,
// as one of its workers, or as process 1, whose child is the supervisor.
func Run(ctx context.Context, o Options) error {
	switch {
	case prefork.IsWorker():
		return o.runWorker(ctx)
	case o.Settings.Preforks() && prefork.IsInit():
		return prefork.Init()
	}
	if err := o.Settings.checkPorts(ctx); err != nil {
		return err
	}
	stop, embedded, err := o.prepare(ctx) // sets the URLs of embedded servers in o.Settings
	if err != nil {
		return err
	}
	defer stop()
	listener, err := o.Settings.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	if embedded && o.Welcome != nil {
		o.Welcome("http://" + listener.Addr().String())
	}
	if o.Settings.Preforks() {
		err := o.supervise(ctx, listener)
		if !errors.Is(err, prefork.ErrUnsupported) {
			return err
		}
		o.Log.Warn("prefork is not supported on this platform; running a single process")
		o.Settings.Prefork = new(bool)
	}
	limitMemory(1, memlimit.FromCgroup, o.Log)
	reports := newHealthReports()
	return o.openAndServe(ctx, listener, prometheus.NewRegistry(), reporting{
		admin: reports, report: func(report ops.Report) { reports.receive(os.Getpid(), report) },
	})
}

// supervise runs the workers. It opens no pools.
func (o Options) supervise(ctx context.Context, listener *net.TCPListener) error {
	s := o.Settings
	workers := s.WorkerCount()
	registry := prometheus.NewRegistry()
	merged, reports := metrics.NewMerged(registry), newHealthReports()
	supervisor, err := prefork.New(prefork.Options{
		Listener: listener, Workers: workers, Log: o.Log,
		Env: []string{
			"PREFORK=true", "WORKERS=" + strconv.Itoa(workers), // a worker's part of the pools depends on both
			"DATABASE_URL=" + string(s.DatabaseURL), "REDIS_URL=" + string(s.RedisURL),
		},
		ReadyTimeout: s.StartTimeout + 10*time.Second,
		DrainTimeout: s.ShutdownDelay + s.ShutdownTimeout + 5*time.Second,
		Receive: func(slot, pid int, message []byte) {
			if err := receive(slot, pid, message, merged, reports); err != nil {
				o.Log.Warn("invalid message from worker", "worker", slot, "error", err)
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
	registry.MustRegister(workerMetrics(supervisor.Slots))
	stopAdmin, err := startAdmin(ctx, s, merged, reports, func(context.Context) (health.State, []string) {
		if ctx.Err() != nil {
			return health.Draining, nil
		}
		return workersReadiness(supervisor.Slots(), reports)
	}, o.Log)
	if err != nil {
		return err
	}
	defer stopAdmin()
	o.Log.Info("supervising", "address", listener.Addr().String(), "workers", workers)
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
	registry := prometheus.NewRegistry()
	var published sync.WaitGroup
	defer published.Wait()
	publishing, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end() // before the wait: the last snapshot counts everything that was served
	published.Go(func() { metrics.Publish(publishing, registry, snapshotInterval, sendMetrics(worker), o.Log) })
	return o.openAndServe(worker.Context(ctx), worker.Listener, registry, reporting{
		report: sendHealth(worker), isWorker: true, ready: worker.Ready,
		workers: func() (ready, total int) { return countReady(worker.Slots()) },
	})
}

// checkPorts reports a port that is taken before the start takes its time. It closes the
// listeners again: a client that connects during a long migration would wait.
func (s Settings) checkPorts(ctx context.Context) error {
	listener, err := s.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	if s.AdminAddr == "" {
		return nil
	}
	admin, err := listenAdmin(ctx, s)
	if err != nil {
		return err
	}
	return admin.Close()
}

func (s Settings) listen(ctx context.Context) (*net.TCPListener, error) {
	address := net.JoinHostPort(string(s.Host), strconv.Itoa(s.Port))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program; choose another PORT: %w", address, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return listener.(*net.TCPListener), nil //nolint:forcetypeassert // it is one of "tcp"
}

// countReady returns how many workers serve, of how many.
func countReady(slots []prefork.Slot) (ready, total int) {
	for _, slot := range slots {
		if slot.State == prefork.Ready {
			ready++
		}
	}
	return ready, len(slots)
}
