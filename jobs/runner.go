// Package jobs runs what must happen again and again beside the requests.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/robfig/cron/v3"

	"example.com/prefab/services"
)

// Job is a piece of work that is done at intervals. It calls a service; a run
// that is still going when the next is due makes that one be left out.
type Job struct {
	Name    string
	Every   time.Duration // a second at least
	Timeout time.Duration // of one run
	Run     func(context.Context) error
}

// Runner runs jobs from Start to Stop.
type Runner struct {
	cron   *cron.Cron
	log    *slog.Logger
	ctx    context.Context // of every run; ends when Stop has waited long enough
	cancel context.CancelFunc
}

// NewRunner returns a runner of no jobs yet.
func NewRunner(log *slog.Logger) *Runner {
	ctx, cancel := context.WithCancel(context.Background())
	logger := cronLogger{log}
	return &Runner{
		// In this order: a panic that got as far as SkipIfStillRunning would leave
		// its job taken for running, for ever.
		cron: cron.New(cron.WithLogger(logger), cron.WithChain(cron.SkipIfStillRunning(logger), cron.Recover(logger))),
		log:  log, ctx: ctx, cancel: cancel,
	}
}

// Add schedules a job; its first run is one interval after Start.
func (r *Runner) Add(j Job) {
	r.cron.Schedule(cron.Every(j.Every), cron.FuncJob(func() { r.run(j) }))
}

// Start begins to run the jobs.
func (r *Runner) Start() { r.cron.Start() }

// lastCall is what a run that has been cancelled gets to notice it.
const lastCall = time.Second

// Stop starts no more runs and waits for those under way. Once ctx is done it
// cancels them, gives them a second, and returns ctx's error.
func (r *Runner) Stop(ctx context.Context) error {
	defer r.cancel()
	idle := r.cron.Stop()
	select {
	case <-idle.Done():
		return nil
	case <-ctx.Done():
		r.cancel()
		select {
		case <-idle.Done():
		case <-time.After(lastCall):
		}
		return fmt.Errorf("stop the jobs: %w", ctx.Err())
	}
}

func (r *Runner) run(j Job) {
	ctx, cancel := context.WithTimeout(r.ctx, j.Timeout)
	defer cancel()
	ctx = services.WithTrace(ctx, &services.Trace{Route: "job " + j.Name})
	if err := j.Run(ctx); err != nil {
		r.log.ErrorContext(ctx, "job failed", "error", err)
	}
}

// cronLogger writes cron's own messages, the panics of jobs among them.
type cronLogger struct{ log *slog.Logger }

func (l cronLogger) Info(message string, keysAndValues ...any) {
	l.log.Debug("cron: "+message, keysAndValues...)
}

func (l cronLogger) Error(err error, message string, keysAndValues ...any) {
	l.log.Error("cron: "+message, append(keysAndValues, "error", err)...)
}
