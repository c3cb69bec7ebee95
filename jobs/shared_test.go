package jobs_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/prefab/jobs"
	"example.com/prefab/services/tracing"
)

// desk is a lock that does as it is told.
type desk struct {
	mu    sync.Mutex
	err   error // it cannot be asked
	taken bool  // by another process
	asked []time.Duration
}

func (d *desk) tell(err error, taken bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err, d.taken = err, taken
}

func (d *desk) hold(ctx context.Context, _ string, next time.Time, run func(context.Context) error) (bool, error) {
	wait := time.Duration(0)
	if !next.IsZero() {
		wait = time.Until(next).Round(time.Second)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, wait)
	if d.err != nil || d.taken {
		return false, d.err
	}
	return true, run(ctx)
}

func TestShared_RunsWhereItsLockCanBeHadAndSaysOnceThatItCannot(t *testing.T) {
	lock := &desk{}
	runs := 0
	job := jobs.Job{Name: "prune", Every: time.Minute, Timeout: time.Second, Shared: true, Run: func(ctx context.Context) error {
		runs++
		if got := tracing.From(ctx).Route; got != "job prune" {
			t.Errorf("route %q", got)
		}
		return nil
	}}
	runJobsWith(t, jobs.Options{Lock: lock.hold}, []jobs.Job{job}, func(t *testing.T, r *jobs.Runner, log *journal) {
		for _, step := range []struct {
			what          string
			err           error
			taken         bool
			runs, skipped int64
			says          string
		}{
			{"free", nil, false, 3, 0, ""},
			{"held by another", nil, true, 0, 3, ""},
			{"away", errors.New("no Redis"), false, 0, 3, "level=WARN no Redis"},
			{"still away", errors.New("no Redis"), false, 0, 3, ""},
			{"back", nil, false, 3, 0, "level=INFO"},
			{"away again", errors.New("no Redis again"), false, 0, 3, "level=WARN no Redis again"},
			{"back, and held by another", nil, true, 0, 3, "level=INFO"},
			{"free again", nil, false, 3, 0, ""},
		} {
			before, told := r.Status()[0], len(log.String())
			lock.tell(step.err, step.taken)
			pass(3 * time.Minute)
			after := r.Status()[0]
			if after.Runs-before.Runs != step.runs || after.Skipped-before.Skipped != step.skipped || after.Failures > 0 {
				t.Errorf("%s: %+v, before %+v", step.what, after, before)
			}
			said := log.String()[told:]
			lines := strings.Count(said, "\n")
			if want := min(1, len(step.says)); lines != want {
				t.Errorf("%s: %d lines in the log, want %d:\n%s", step.what, lines, want, said)
			}
			level, cause, _ := strings.Cut(step.says, " ")
			if !strings.Contains(said, level) || !strings.Contains(said, cause) {
				t.Errorf("%s: want %q in the log:\n%s", step.what, step.says, said)
			}
		}
		if runs != 9 {
			t.Errorf("%d runs, want 9", runs)
		}
	})
}

func TestShared_TellsTheLockWhenTheNextRunIsDueUnlessItWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock, now := &desk{}, make(chan struct{}, 1)
		startJobs(t, jobs.Options{Lock: lock.hold}, jobs.Job{
			Name: "flush", Every: time.Minute, Timeout: time.Second, Jitter: 1, Shared: true, Now: now,
			Run: func(context.Context) error { return nil },
		})
		pass(70 * time.Second)
		ask(now)
		pass(time.Minute)
		equal(t, "what was asked for", lock.asked, []time.Duration{time.Minute, 0, time.Minute})
	})
}

func TestShared_RunsWithinItsTimeoutAndFailsAsOthers(t *testing.T) {
	lock := &desk{}
	lost := errors.New("the lease was lost")
	runJobsWith(t, jobs.Options{
		Lock: func(ctx context.Context, name string, next time.Time, run func(context.Context) error) (bool, error) {
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != 5*time.Second {
				t.Errorf("deadline %v", deadline)
			}
			ran, err := lock.hold(ctx, name, next, run)
			return ran, errors.Join(err, lost)
		},
	}, []jobs.Job{{
		Name: "late", Every: time.Minute, Timeout: 5 * time.Second, Shared: true, Run: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		},
	}}, func(t *testing.T, r *jobs.Runner, log *journal) {
		pass(70 * time.Second)
		if s := r.Status()[0]; s.Runs != 1 || s.Failures != 1 || !errors.Is(s.LastError, context.DeadlineExceeded) {
			t.Errorf("status %+v", s)
		}
		if said := log.String(); !strings.Contains(said, "deadline exceeded") || !strings.Contains(said, lost.Error()) {
			t.Errorf("the log is %s", said)
		}
	})
}
