package jobs

import (
	"context"
	"time"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// runDue runs a job at its time, unless a run of it still goes on.
func (r *Runner) runDue(t *task) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
		r.run(t, t.times.due.Next(time.Now().UTC()))
	default:
		r.skip(t, stillRunning)
	}
}

// listen runs a job whenever it is asked to, until Stop.
func (r *Runner) listen(t *task) {
	for {
		select {
		case <-r.starts.Done():
			return
		case _, open := <-t.Now:
			if !open {
				return
			}
		}
		select {
		case <-r.starts.Done():
			return
		case t.turn <- struct{}{}:
		}
		if r.runAsked(t) {
			continue
		}
		select { // who asks goes on asking, and is not to hammer what has failed
		case <-r.starts.Done():
		case <-time.After(pauseAfterFailure):
		}
	}
}

// pauseAfterFailure is how long nobody's asking makes a job run that has failed.
const pauseAfterFailure = time.Second

// runAsked reports whether the run, if there was one, went well.
func (r *Runner) runAsked(t *task) bool {
	defer func() { <-t.turn }()
	if r.starts.Err() != nil { // it has ended beside the turn's coming
		return true
	}
	select {
	case <-t.Now: // asked for while this one waited, and so part of it
	default:
	}
	return r.run(t, time.Time{})
}

// run runs a job once, under the lock if it is shared. It reports whether it went well.
func (r *Runner) run(t *task, next time.Time) bool {
	ctx := tracing.With(r.runs, &tracing.Trace{Route: "job " + t.Name})
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	if !t.Shared {
		err := t.call(ctx)
		r.ended(ctx, t, err)
		return err == nil
	}
	ran, err := r.lock(ctx, t.Name, next, t.call)
	switch {
	case !ran && err != nil:
		if t.isNews(&t.lockless, true) {
			r.log.WarnContext(ctx, "a shared job is left out until its lock can be had", "job", t.Name, "error", err)
		}
		r.skip(t, lockAway)
		return false
	case !ran:
		r.skip(t, elsewhere)
	default:
		r.ended(ctx, t, err)
	}
	if t.isNews(&t.lockless, false) {
		r.log.InfoContext(ctx, "a shared job has its lock again", "job", t.Name)
	}
	return err == nil
}

func (r *Runner) ended(ctx context.Context, t *task, err error) {
	stranded := problem.CodeOf(err) == problem.Unavailable
	news := t.isNews(&t.stranded, stranded)
	switch {
	case stranded && news:
		r.log.WarnContext(ctx, "job waits for a server that is away", "job", t.Name, "error", err)
	case err != nil && !stranded:
		r.log.ErrorContext(ctx, "job failed", "job", t.Name, "error", err)
	case err == nil && news:
		r.log.InfoContext(ctx, "job does its work again", "job", t.Name)
	}
	r.metrics.ended(t.Name, t.snapshot().LastDuration, err)
}

func (r *Runner) skip(t *task, why string) {
	t.skipped()
	r.metrics.skipped(t.Name, why)
}
