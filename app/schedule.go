package app

import (
	"time"

	"example.com/prefab/jobs"
	"example.com/prefab/jobs/runner"
	"example.com/prefab/repositories/locks"
	"example.com/prefab/services/memory"
)

const (
	jobLease     = 10 * time.Second // so long nobody takes over the jobs of a worker that has died
	flushTimeout = 30 * time.Second // what has not been stored by then waits for the next run
)

// schedule lists every job: its name, when it runs, what it calls. A shared one
// runs in one process of all.
func (p *process) schedule(w wired) *runner.Runner {
	cfg := p.cfg
	leases := locks.New(p.redis, "prefab:job:", jobLease)
	r := runner.New(runner.Options{Log: p.log, Lock: leases.Run, Metrics: p.metrics})

	memory := memory.NewMeter(cfg.WorkerCount())
	r.Add(runner.WatchMemory(cfg.MemoryCheckInterval, cfg.MemoryThreshold, memory.Read, p.log))
	r.Add(runner.Job{
		Name: "flush-stock", Every: cfg.WriteBehind.Interval, Now: w.stock.Full(), Shared: true,
		Timeout: flushTimeout, Run: w.stock.Flush,
	})
	r.Add(runner.Job{
		Name: "retry-stock", Every: time.Minute, Shared: true, Timeout: flushTimeout, Run: w.stock.RetryDeadLetters,
	})
	if cfg.PruneAfter > 0 {
		r.Add(jobs.PruneProducts(w.products, cfg.PruneAfter, p.log))
	}
	return r
}
