package jobs_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/prefab/jobs"
	"example.com/prefab/services/problem"
)

// ask signals as a sender must: without waiting.
func ask(now chan<- struct{}) {
	select {
	case now <- struct{}{}:
	default:
	}
}

func TestNow_RunsAtOnceAndOnceForAllSignalsThatCameBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := make(chan struct{}, 1)
		var started, atOnce, most atomic.Int64
		r, _ := startJobs(t, jobs.Options{}, jobs.Job{
			Name: "flush", Every: time.Hour, Timeout: time.Minute, Jitter: 1, Now: now,
			Run: func(context.Context) error {
				started.Add(1)
				most.Store(max(most.Load(), atOnce.Add(1)))
				time.Sleep(10 * time.Second)
				atOnce.Add(-1)
				return nil
			},
		})
		expect := func(when string, runs int64) {
			t.Helper()
			if started.Load() != runs || most.Load() > 1 {
				t.Errorf("%s: %d runs, want %d; %d at once", when, started.Load(), runs, most.Load())
			}
		}
		pass(time.Second)
		expect("before anybody asked", 0)
		ask(now)
		pass(time.Nanosecond)
		expect("asked", 1)
		for range 100 {
			ask(now)
			pass(time.Millisecond)
		}
		expect("asked a hundred times during the run", 1)
		pass(10 * time.Second)
		expect("after that run", 2)
		pass(time.Minute)
		expect("later", 2)

		pass(time.Hour - 72*time.Second) // the job is due, and has just begun
		pass(time.Second)
		expect("at its time", 3)
		for range 3 { // the first is taken off the channel while it waits for its turn
			ask(now)
			pass(time.Millisecond)
		}
		pass(time.Minute)
		expect("asked three times during a run at its time", 4)
		if s := r.Status()[0]; s.Runs != 4 || s.Skipped != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestNow_ARunThatWasAskedForMakesTheOneDueBeLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := make(chan struct{}, 1)
		r, _ := startJobs(t, jobs.Options{}, jobs.Job{
			Name: "flush", Every: time.Minute, Timeout: time.Minute, Jitter: 1, Now: now,
			Run: func(context.Context) error { time.Sleep(10 * time.Second); return nil },
		})
		pass(55 * time.Second)
		ask(now)
		pass(30 * time.Second)
		if s := r.Status()[0]; s.Runs != 1 || s.Skipped != 1 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestNow_EndsWithStopAndWithItsChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now, closed := make(chan struct{}, 1), make(chan struct{})
		close(closed)
		var runs atomic.Int64
		run := func(ctx context.Context) error {
			runs.Add(1)
			time.Sleep(10 * time.Second)
			return ctx.Err()
		}
		r, log := startJobs(t, jobs.Options{},
			jobs.Job{Name: "asked", Every: time.Hour, Timeout: time.Minute, Now: now, Run: run},
			jobs.Job{Name: "deserted", Every: time.Hour, Timeout: time.Minute, Now: closed, Run: run})
		ask(now)
		pass(time.Second)
		ask(now) // waits for its turn
		pass(time.Second)
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if runs.Load() != 1 || log.String() != "" {
			t.Errorf("%d runs, want the one under way to end and no other: %s", runs.Load(), log)
		}
		ask(now)
		pass(time.Minute)
		if n := runs.Load(); n != 1 {
			t.Errorf("%d runs after Stop", n-1)
		}
	})
}

// Who asks goes on asking while the job's server is away.
func TestNow_DoesNotHammerWhatHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := make(chan struct{}, 1)
		var runs atomic.Int64
		_, _ = startJobs(t, jobs.Options{}, jobs.Job{
			Name: "flush", Every: time.Hour, Timeout: time.Minute, Jitter: 1, Now: now,
			Run: func(context.Context) error {
				if runs.Add(1) < 10 {
					return problem.ErrUnavailable
				}
				return nil
			},
		})
		for range 5000 {
			ask(now)
			pass(time.Millisecond)
		}
		if got := runs.Load(); got < 4 || got > 6 {
			t.Errorf("%d runs in 5 s", got)
		}
	})
}
