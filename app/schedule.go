package app

import (
	"context"
	"time"

	"example.com/prefab/app/server"
	"example.com/prefab/jobs/runner"
	"example.com/prefab/repositories/locks"
	"example.com/prefab/repositories/outbox"
	"example.com/prefab/services"
	"example.com/prefab/services/memory"

	// region sample
	"example.com/prefab/jobs"
	// endregion
)

const outboxTimeout = 5 * time.Minute // the rest waits for the next run

// region sample
const flushTimeout = 30 * time.Second // the rest waits for the next run

// endregion

// schedule lists every job: its name, when it runs, what it calls. A shared one
// runs in one process of all.
func schedule(
	cfg Config, p *server.Process, box *outbox.Outbox, links services.AccountLinkStore, deliver outbox.Handle,
	tokens *services.Tokens,
	// region sample
	products *services.Products, stock *services.Stock, retryStock <-chan struct{},
	// endregion
) *runner.Runner {
	leases := locks.New(p.Redis, "prefab:job:", 10*time.Second) // then another process takes over a killed worker's jobs
	r := runner.New(runner.Options{Log: p.Log, Lock: leases.Run, Metrics: p.Metrics})

	memory := memory.NewMeter(cfg.WorkerCount())
	r.Add(runner.WatchMemory(cfg.MemoryCheckInterval, cfg.MemoryThreshold, memory.Read, p.Log))
	r.Add(runner.Job{
		Name: "deliver-outbox", Every: time.Minute, Now: box.Added(), Shared: true, Timeout: outboxTimeout,
		Run: box.Deliver(deliver),
	})
	r.Add(runner.Job{
		Name: "prune-account-links", Every: time.Hour, Shared: true, Timeout: time.Minute,
		Run: func(ctx context.Context) error { return links.DeleteExpired(ctx, time.Now()) },
	})
	r.Add(runner.Job{Name: "store-token-use", Every: time.Minute, Timeout: 10 * time.Second, Run: tokens.StoreUses})
	// region sample
	r.Add(runner.Job{
		Name: "flush-stock", Every: cfg.WriteBehind.Interval, Now: stock.FlushRequested(), Shared: true,
		Timeout: flushTimeout, Run: stock.Flush,
	})
	r.Add(runner.Job{
		Name: "retry-stock", Every: time.Minute, Now: retryStock, Shared: true, Timeout: flushTimeout,
		Run: stock.RetryDeadLetters,
	})
	if cfg.PruneAfter > 0 {
		r.Add(jobs.PruneProducts(products, cfg.PruneAfter, p.Log))
	}
	// endregion
	return r
}
