// Package runner runs jobs: work that is repeated beside the requests.
//
//	leases := locks.New(client, "myservice:job:", 10*time.Second)
//	r := runner.New(runner.Options{Log: log, Lock: leases.Run, Metrics: registry})
//	r.Add(runner.Job{
//		Name: "expire-carts", Every: time.Hour, Timeout: time.Minute, Shared: true,
//		Run: carts.Expire, // func(context.Context) error
//	})
//	r.Start()
//	...
//	err := r.Stop(ctx)
//
// A process never runs a job twice at the same time. A run that fails or panics is
// logged, and the job runs again at its next time. Of all processes of the service one
// at a time runs a shared job, about once per interval.
package runner

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"
)

// Job is work that is repeated. Run should return soon after its context ends.
type Job struct {
	Name string // in the log, the metrics and the lease; lower-case words and hyphens

	// Exactly one of Every and Schedule says when the job is due. All processes compute
	// the same times. Every counts from midnight UTC if it divides a day. Schedule is a
	// cron expression of six fields, the first for seconds, in UTC unless it begins with
	// "CRON_TZ=Europe/Berlin ".
	Every    time.Duration
	Schedule string

	Timeout time.Duration // of one run

	// Shared: only one process of the service runs the job. It must be safe to repeat:
	// a process may die after the work and before that is recorded.
	Shared bool

	// Now starts a run at once, or after the current one. Signals that arrive before a run
	// begins count as one: use a channel of capacity 1, drop a signal if it is full, and
	// never close it.
	Now <-chan struct{}

	Run func(context.Context) error
}

// Lock calls run if no other process runs the job of that name, and returns true and
// the error of run. It returns (false, nil) if another process holds the lock or has
// already done this run; that is remembered until halfway to next, the time of the
// following run. With a zero next, earlier runs do not matter. It returns false and an
// error if the lock service did not answer. The context of run ends if the lease is lost.
type Lock func(ctx context.Context, name string, next time.Time, run func(context.Context) error) (ran bool, err error)

// Options are what a runner needs.
type Options struct {
	Log     *slog.Logger
	Lock    Lock                  // for shared jobs
	Metrics prometheus.Registerer // nil: none
}

// Runner runs jobs from Start to Stop.
type Runner struct {
	log     *slog.Logger
	lock    Lock
	metrics *metrics
	cron    *cron.Cron
	tasks   []*task

	runCtx     context.Context // of every run; ends when Stop has waited long enough
	cancelRun  context.CancelFunc
	open       context.Context // ends when Stop is called
	closeOpen  context.CancelFunc
	stopping   sync.Mutex     // nothing is added to background once Stop waits for it
	background sync.WaitGroup // of listen and of RunNow
}

// New returns a runner without jobs.
func New(o Options) *Runner {
	r := &Runner{
		log: o.Log, lock: o.Lock, metrics: newMetrics(o.Metrics),
		cron: cron.New(cron.WithLocation(time.UTC), cron.WithLogger(cron.DiscardLogger)),
	}
	r.runCtx, r.cancelRun = context.WithCancel(context.Background())
	r.open, r.closeOpen = context.WithCancel(r.runCtx)
	return r
}

// Add adds a job. Call it before Start. It panics if the job is invalid, which is a
// mistake in the program.
func (r *Runner) Add(j Job) {
	t, err := newTask(j, r.lock)
	if err != nil {
		panic(fmt.Sprintf("job %q: %v", j.Name, err))
	}
	r.metrics.initialize(j.Name)
	r.tasks = append(r.tasks, t)
	r.cron.Schedule(t.schedule, cron.FuncJob(func() { r.runScheduled(t) }))
}

// Start starts the jobs. Call it once.
func (r *Runner) Start() {
	for _, t := range r.tasks {
		if t.Now != nil {
			r.background.Go(func() { r.listen(t) })
		}
	}
	r.cron.Start()
}

// cancelGracePeriod is how long Stop waits for runs after it has cancelled them.
const cancelGracePeriod = time.Second

// Stop starts no more runs and waits for the current ones. When ctx ends it cancels
// them, waits for at most a second, and returns the error of ctx.
func (r *Runner) Stop(ctx context.Context) error {
	defer r.cancelRun()
	r.stopping.Lock()
	r.closeOpen()
	r.stopping.Unlock()
	scheduled, idle := r.cron.Stop(), make(chan struct{})
	go func() {
		<-scheduled.Done()
		r.background.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		r.cancelRun()
		select {
		case <-idle:
		case <-time.After(cancelGracePeriod):
		}
		return fmt.Errorf("stop the jobs: %w", ctx.Err())
	}
}
