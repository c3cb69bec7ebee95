package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/prefab/jobs"
	"example.com/prefab/services/tracing"
)

// runJobs runs the test in a bubble, where time passes only while all wait, with
// jobs that run already, on the second, and what they log.
func runJobs(t *testing.T, list []jobs.Job, test func(t *testing.T, r *jobs.Runner, log *journal)) {
	runJobsWith(t, jobs.Options{}, list, test)
}

func runJobsWith(
	t *testing.T, o jobs.Options, list []jobs.Job, test func(t *testing.T, r *jobs.Runner, log *journal),
) {
	exact := slices.Clone(list)
	for i := range exact {
		exact[i].Jitter = 1
	}
	runJobsAsTheyAre(t, o, exact, test)
}

func runJobsAsTheyAre(
	t *testing.T, o jobs.Options, list []jobs.Job, test func(t *testing.T, r *jobs.Runner, log *journal),
) {
	synctest.Test(t, func(t *testing.T) {
		r, log := startJobs(t, o, list...)
		test(t, r, log)
	})
}

// startJobs starts jobs that are made in the bubble, as those with a channel must be.
func startJobs(t *testing.T, o jobs.Options, list ...jobs.Job) (*jobs.Runner, *journal) {
	t.Helper()
	log := new(journal)
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	r := jobs.NewRunner(o)
	for _, j := range list {
		r.Add(j)
	}
	r.Start()
	synctest.Wait()
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r, log
}

// journal is what was logged so far.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// pass lets time pass, and then what is due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestRunner_RunsAJobAtItsIntervals(t *testing.T) {
	var often, seldom atomic.Int64
	runJobs(t, []jobs.Job{
		{Name: "often", Every: time.Second, Timeout: time.Second, Run: func(context.Context) error { often.Add(1); return nil }},
		{Name: "seldom", Every: time.Minute, Timeout: time.Second, Run: func(context.Context) error { seldom.Add(1); return nil }},
	}, func(t *testing.T, r *jobs.Runner, _ *journal) {
		expect := func(when string, wantOften, wantSeldom int64) {
			t.Helper()
			if often.Load() != wantOften || seldom.Load() != wantSeldom {
				t.Errorf("%s: %d and %d runs, want %d and %d", when, often.Load(), seldom.Load(), wantOften, wantSeldom)
			}
		}
		expect("before the first interval", 0, 0)
		pass(10 * time.Minute)
		expect("in ten minutes", 600, 10)
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		expect("after Stop", 600, 10)
	})
}

func TestRunner_LeavesOutARunWhileTheLastOneGoesOn(t *testing.T) {
	runs := 0
	runJobs(t, []jobs.Job{{Name: "slow", Every: time.Second, Timeout: time.Hour, Run: func(context.Context) error {
		runs++
		time.Sleep(3500 * time.Millisecond)
		return nil
	}}}, func(t *testing.T, _ *jobs.Runner, _ *journal) {
		pass(12 * time.Second) // it begins at 1, 5 and 9 seconds
		if runs != 3 {
			t.Errorf("%d runs, want 3", runs)
		}
	})
}

func TestRunner_SurvivesPanicsAndErrorsAndLogsThem(t *testing.T) {
	runs := map[string]int{}
	job := func(name string, run func() error) jobs.Job {
		return jobs.Job{Name: name, Every: time.Minute, Timeout: time.Second, Run: func(context.Context) error {
			runs[name]++
			return run()
		}}
	}
	runJobs(t, []jobs.Job{
		job("panics", func() error { panic("out of cheese") }),
	}, func(t *testing.T, _ *jobs.Runner, log *journal) {
		pass(3 * time.Minute)
		if runs["panics"] != 3 {
			t.Errorf("%d runs of a job that panics, want 3", runs["panics"])
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 3 || !strings.Contains(log.String(), "out of cheese") {
			t.Errorf("%d errors in the log:\n%s", n, log)
		}
	})
	runJobs(t, []jobs.Job{
		job("fails", func() error { return errors.New("no cheese") }),
	}, func(t *testing.T, _ *jobs.Runner, log *journal) {
		pass(3 * time.Minute)
		if n := strings.Count(log.String(), "no cheese"); n != 3 || runs["fails"] != 3 {
			t.Errorf("%d runs of a job that fails, want 3, and the log\n%s", runs["fails"], log)
		}
	})
}

func TestRunner_GivesARunItsNameAndItsTimeout(t *testing.T) {
	route, ended := make(chan string, 1), make(chan error, 1)
	runJobs(t, []jobs.Job{{Name: "prune", Every: time.Minute, Timeout: 5 * time.Second, Run: func(ctx context.Context) error {
		route <- tracing.From(ctx).Route
		<-ctx.Done()
		ended <- ctx.Err()
		return nil
	}}}, func(t *testing.T, _ *jobs.Runner, _ *journal) {
		pass(time.Minute + 4*time.Second)
		if got := <-route; got != "job prune" || len(ended) != 0 {
			t.Errorf("route %q, ended early: %v", got, len(ended) != 0)
		}
		pass(time.Second)
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended by %v", err)
		}
	})
}

func TestRunnerStop_WaitsForARunUnderWay(t *testing.T) {
	finished := false
	runJobs(t, []jobs.Job{{Name: "slow", Every: time.Second, Timeout: time.Hour, Run: func(ctx context.Context) error {
		time.Sleep(time.Minute)
		finished = ctx.Err() == nil
		return nil
	}}}, func(t *testing.T, r *jobs.Runner, _ *journal) {
		pass(2 * time.Second)
		limit, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := r.Stop(limit); err != nil || !finished {
			t.Errorf("finished %v, error %v", finished, err)
		}
	})
}

func TestRunnerStop_CancelsARunThatTakesTooLong(t *testing.T) {
	var cause error
	runJobs(t, []jobs.Job{{Name: "endless", Every: time.Second, Timeout: time.Hour, Run: func(ctx context.Context) error {
		<-ctx.Done()
		cause = ctx.Err()
		return nil
	}}}, func(t *testing.T, r *jobs.Runner, _ *journal) {
		pass(2 * time.Second)
		limit, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.Stop(limit); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if !errors.Is(cause, context.Canceled) {
			t.Errorf("the run ended by %v", cause)
		}
	})
}

func TestRunnerStop_DoesNotWaitForARunThatIgnoresItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := jobs.NewRunner(jobs.Options{Log: slog.New(slog.DiscardHandler)})
		r.Add(jobs.Job{Name: "deaf", Every: time.Second, Timeout: time.Second, Run: func(context.Context) error {
			time.Sleep(time.Hour)
			return nil
		}})
		r.Start()
		time.Sleep(2 * time.Second)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		begin := time.Now()
		if err := r.Stop(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(begin); took > time.Minute { // of the bubble's time, so exact
			t.Errorf("took %v", took)
		}
		time.Sleep(2 * time.Hour)
	})
}
