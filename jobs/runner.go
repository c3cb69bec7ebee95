// Package jobs runs what must happen again and again beside the requests.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"
)

// Job is a piece of work that is done again and again. It calls a service, and
// ends soon once its context has. No two runs of it go on in one process.
type Job struct {
	Name string // in the log, the metrics and the lease; of lower-case words and hyphens

	// Exactly one of these says when it is due. All processes reckon alike: Every
	// counts from midnight UTC, or from the beginning of time where it does not
	// divide a day; Schedule is six fields of cron, the first being seconds, in UTC
	// unless it begins with "CRON_TZ=Europe/Berlin ".
	Every    time.Duration
	Schedule string

	// A run begins up to Jitter after it is due, so that not all processes turn to
	// PostgreSQL at one moment. 0 is a tenth of the interval, a minute at most.
	Jitter  time.Duration
	Timeout time.Duration // of one run

	// A Shared job is done by one process of all, whichever comes first: about once
	// an interval, and never by two at once as far as leases can tell. It must stand
	// being repeated: a process may die when the work is done and not yet noted.
	Shared bool

	// Now asks for a run at once, which waits for one under way. Signals that come
	// before it begins are one; make the channel of capacity 1, and never wait to send.
	Now <-chan struct{}

	Run func(context.Context) error
}

// Lock calls run while no other process of the service is in a run of that name,
// and returns what run returns. It reports false, without an error, where another
// process is, and where one has done what was due: that is known until halfway to
// next, when the run after this one is due; a zero next is a run in any case. It
// reports false with an error where nobody could be asked. The run's context ends
// when the lease is lost.
type Lock func(ctx context.Context, name string, next time.Time, run func(context.Context) error) (ran bool, err error)

// Options are what a runner needs.
type Options struct {
	Log     *slog.Logger
	Lock    Lock                  // for shared jobs
	Metrics prometheus.Registerer // nil leaves them out
}

// Runner runs jobs from Start to Stop.
type Runner struct {
	log     *slog.Logger
	lock    Lock
	metrics *metrics
	cron    *cron.Cron
	tasks   []*task

	runs      context.Context // of every run; ends when Stop has waited long enough
	endRuns   context.CancelFunc
	starts    context.Context // ends when Stop is called
	endStarts context.CancelFunc
	listeners sync.WaitGroup
}

// NewRunner returns a runner of no jobs yet.
func NewRunner(o Options) *Runner {
	r := &Runner{
		log: o.Log, lock: o.Lock, metrics: newMetrics(o.Metrics),
		cron: cron.New(cron.WithLocation(time.UTC), cron.WithLogger(cron.DiscardLogger)),
	}
	r.runs, r.endRuns = context.WithCancel(context.Background())
	r.starts, r.endStarts = context.WithCancel(r.runs)
	return r
}

// Add takes a job, before Start. It panics where the job can never run as it says:
// that is a mistake in the program.
func (r *Runner) Add(j Job) {
	t, err := newTask(j)
	if err == nil && j.Shared && r.lock == nil {
		err = errNoLock
	}
	if err != nil {
		panic(fmt.Sprintf("job %q: %v", j.Name, err))
	}
	r.metrics.announce(j.Name)
	r.tasks = append(r.tasks, t)
	r.cron.Schedule(t.times, cron.FuncJob(func() { r.runDue(t) }))
}

// Start begins to run the jobs. Call it once.
func (r *Runner) Start() {
	for _, t := range r.tasks {
		if t.Now != nil {
			r.listeners.Go(func() { r.listen(t) })
		}
	}
	r.cron.Start()
}

// lastCall is what a run that has been cancelled gets to notice it.
const lastCall = time.Second

// Stop starts no more runs and waits for those under way. Once ctx is done it
// cancels them, gives them a second, and returns ctx's error.
func (r *Runner) Stop(ctx context.Context) error {
	defer r.endRuns()
	r.endStarts()
	scheduled, idle := r.cron.Stop(), make(chan struct{})
	go func() {
		<-scheduled.Done()
		r.listeners.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		r.endRuns()
		select {
		case <-idle:
		case <-time.After(lastCall):
		}
		return fmt.Errorf("stop the jobs: %w", ctx.Err())
	}
}

// Status tells how each job is doing in this process, in the order of Add.
func (r *Runner) Status() []Status {
	list := make([]Status, len(r.tasks))
	for i, t := range r.tasks {
		list[i] = t.snapshot()
	}
	return list
}
