package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/robfig/cron/v3"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// retryPause follows a failed run that Now has started: who sends to Now while a server
// is down would otherwise start runs without a pause.
const retryPause = time.Second

// task is a job in a runner. Whoever has put a value into running may use the rest.
type task struct {
	Job
	schedule cron.Schedule
	lock     Lock
	running  chan struct{} // a semaphore of 1
	progress progress

	lockUnavailable bool // at the last run
	dependencyDown  bool // at the last run
}

func newTask(j Job, lock Lock) (*task, error) {
	if j.Name == "" || j.Run == nil || j.Timeout <= 0 {
		return nil, errors.New("it needs a Name, a Timeout and a Run")
	}
	if j.Shared && lock == nil {
		return nil, errors.New("it is shared, and the runner has no lock")
	}
	if !j.Shared {
		lock = noLock
	}
	s, err := newSchedule(j)
	if err != nil {
		return nil, err
	}
	return &task{Job: j, schedule: s, lock: lock, running: make(chan struct{}, 1)}, nil
}

func noLock(ctx context.Context, _ string, _ time.Time, run func(context.Context) error) (bool, error) {
	return true, run(ctx)
}

// runScheduled runs a job at its time, unless its last run has not ended.
func (r *Runner) runScheduled(t *task) {
	select {
	case t.running <- struct{}{}:
		defer func() { <-t.running }()
		r.run(t, t.schedule.Next(time.Now().UTC()), func() {})
	default:
		r.metrics.count(t.Name, skippedRunning)
	}
}

// listen runs a job at every signal on its channel Now, until Stop.
func (r *Runner) listen(t *task) {
	for r.open.Err() == nil {
		select {
		case <-r.open.Done():
			return
		case <-t.Now:
		}
		t.running <- struct{}{} // waits for the current run
		select {
		case <-t.Now: // the next run covers signals that arrived meanwhile
		default:
		}
		ok := r.open.Err() != nil || r.run(t, time.Time{}, func() {})
		<-t.running
		if !ok {
			select {
			case <-r.open.Done():
			case <-time.After(retryPause):
			}
		}
	}
}

// run runs a job once, under its lock, and calls locked when it has that. It reports whether
// the run succeeded or was not needed.
func (r *Runner) run(t *task, next time.Time, locked func()) (ok bool) {
	ctx := tracing.With(r.runCtx, &tracing.Trace{Route: "job " + t.Name})
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	var took time.Duration
	ran, err := t.lock(ctx, t.Name, next, func(ctx context.Context) (err error) {
		began := time.Now()
		t.progress.began(began)
		locked()
		defer func() {
			if reason := recover(); reason != nil {
				err = &panicError{fmt.Sprint(reason), debug.Stack()}
			}
			took = time.Since(began)
			t.progress.ended(took, err)
		}()
		return t.Run(ctx)
	})
	unavailable := !ran && err != nil
	changed := unavailable != t.lockUnavailable
	t.lockUnavailable = unavailable
	switch {
	case unavailable && changed:
		r.log.WarnContext(ctx, "shared job skipped: lock unavailable", "job", t.Name, "error", err)
	case changed:
		r.log.InfoContext(ctx, "shared job runs again: lock available", "job", t.Name)
	}
	switch {
	case unavailable:
		r.metrics.count(t.Name, lockUnavailable)
	case !ran:
		r.metrics.count(t.Name, skippedLocked)
	default:
		r.ended(ctx, t, took, err)
	}
	return err == nil
}

// panicError is a panic of a job. It does not unwrap: a panic with an error is no such error.
type panicError struct {
	text  string
	stack []byte
}

func (e *panicError) reason() string { return "panic: " + e.text }
func (e *panicError) Error() string  { return e.reason() + "\n" + string(e.stack) }

// ended logs and counts a run. An outage is logged once, not at every run.
func (r *Runner) ended(ctx context.Context, t *task, took time.Duration, err error) {
	down := problem.CodeOf(err) == problem.Unavailable
	changed := down != t.dependencyDown
	t.dependencyDown = down
	switch {
	case down && changed:
		r.log.WarnContext(ctx, "job blocked: dependency unavailable", "job", t.Name, "error", err)
	case err != nil && !down:
		r.log.ErrorContext(ctx, "job failed", "job", t.Name, "error", err)
	case err == nil && changed:
		r.log.InfoContext(ctx, "job recovered", "job", t.Name)
	}
	r.metrics.ended(t.Name, took, err)
}
