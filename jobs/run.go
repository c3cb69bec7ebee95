package jobs

import (
	"context"
	"time"

	"example.com/prefab/services"
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
		r.runAsked(t)
	}
}

func (r *Runner) runAsked(t *task) {
	defer func() { <-t.turn }()
	if r.starts.Err() != nil { // it has ended beside the turn's coming
		return
	}
	select {
	case <-t.Now: // asked for while this one waited, and so part of it
	default:
	}
	r.run(t, time.Time{})
}

// run runs a job once, under the lock if it is shared.
func (r *Runner) run(t *task, next time.Time) {
	ctx := services.WithTrace(r.runs, &services.Trace{Route: "job " + t.Name})
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	if !t.Shared {
		r.ended(ctx, t, t.call(ctx))
		return
	}
	ran, err := r.lock(ctx, t.Name, next, t.call)
	switch {
	case !ran && err != nil:
		if t.isNews(&t.lockless, true) {
			r.log.WarnContext(ctx, "a shared job is left out until its lock can be had", "job", t.Name, "error", err)
		}
		r.skip(t, lockAway)
		return
	case !ran:
		r.skip(t, elsewhere)
	default:
		r.ended(ctx, t, err)
	}
	if t.isNews(&t.lockless, false) {
		r.log.InfoContext(ctx, "a shared job has its lock again", "job", t.Name)
	}
}

func (r *Runner) ended(ctx context.Context, t *task, err error) {
	stranded := services.CodeOf(err) == services.Unavailable
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
