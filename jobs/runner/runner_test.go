package runner_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/jobs/runner"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// fixture is a runner that has started, in a bubble of synctest at midnight UTC.
type fixture struct {
	*runner.Runner
	t       *testing.T
	log     *journal
	metrics *prometheus.Registry
}

// bubble runs the test in a bubble, where time passes only while all goroutines wait.
func bubble(t *testing.T, o runner.Options, test func(f *fixture), jobs ...runner.Job) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, o, jobs...)
		test(f)
	})
}

// start starts jobs.
func start(t *testing.T, o runner.Options, jobs ...runner.Job) *fixture {
	t.Helper()
	f := &fixture{t: t, log: new(journal), metrics: prometheus.NewRegistry()}
	o.Log, o.Metrics = slog.New(slog.NewTextHandler(f.log, nil)), f.metrics
	f.Runner = runner.New(o)
	for _, j := range jobs {
		if j.Timeout == 0 {
			j.Timeout = time.Hour
		}
		f.Add(j)
	}
	f.Start()
	synctest.Wait()
	t.Cleanup(func() {
		if err := f.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f
}

// outcomes checks the runs of a job, as "done=1 failed=0", against its metrics.
func (f *fixture) outcomes(when, job, want string) {
	f.t.Helper()
	got := gather(f.t, f.metrics)
	for field := range strings.FieldsSeq(want) {
		outcome, n, _ := strings.Cut(field, "=")
		if have := fmt.Sprint(got["prefab_job_runs_total "+job+" "+outcome]); have != n {
			f.t.Errorf("%s: %s has %s %s, want %s", when, job, have, outcome, n)
		}
	}
}

// gather returns each metric's value, or count, by its name and labels.
func gather(t *testing.T, reg prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values
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

// wait lets time pass, and then what is due happen.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestRunner_RunsAJobAtItsIntervalsUntilStop(t *testing.T) {
	job := func(name string, every time.Duration) runner.Job {
		return runner.Job{Name: name, Every: every, Run: func(context.Context) error { return nil }}
	}
	bubble(t, runner.Options{}, func(f *fixture) {
		f.outcomes("at first", "often", "done=0")
		wait(10 * time.Minute)
		f.outcomes("in ten minutes", "often", "done=600")
		f.outcomes("in ten minutes", "seldom", "done=10")
		if err := f.Stop(f.t.Context()); err != nil {
			f.t.Fatal(err)
		}
		wait(time.Hour)
		f.outcomes("after Stop", "often", "done=600")
	}, job("often", time.Second), job("seldom", time.Minute))
}

func TestRunner_SkipsARunWhileTheLastOneGoesOn(t *testing.T) {
	bubble(t, runner.Options{}, func(f *fixture) {
		wait(12 * time.Second) // runs begin at 1, 5 and 9 seconds
		f.outcomes("then", "slow", "done=2 skipped_running=9")
	}, runner.Job{Name: "slow", Every: time.Second, Run: func(context.Context) error {
		time.Sleep(3500 * time.Millisecond)
		return nil
	}})
}

func TestRunner_LogsPanicsAndErrorsAndAnOutageOnce(t *testing.T) {
	down := fmt.Errorf("store: %w", problem.ErrUnavailable)
	outcomes := []error{down, down, down, nil, nil, down, errors.New("broken"), nil, errors.New("panic")}
	all := time.Minute * time.Duration(len(outcomes))
	bubble(t, runner.Options{}, func(f *fixture) {
		wait(all)
		f.outcomes("at last", "flush", "done=3 failed=6")
		got := f.log.String()
		for text, want := range map[string]int{
			"job blocked": 2, "job recovered": 1, "level=ERROR": 2, "level=WARN": 2, "error=broken": 1, "debug.Stack": 1,
		} {
			if n := strings.Count(got, text); n != want {
				t.Errorf("%d times %q, want %d:\n%s", n, text, want, got)
			}
		}
		values := gather(f.t, f.metrics)
		if values["prefab_job_duration_seconds flush"] != 9 {
			t.Errorf("the durations are %v", values)
		}
		success := time.Date(2000, 1, 1, 0, 8, 0, 0, time.UTC) // the bubble begins with the year 2000
		if got := values["prefab_job_last_success_timestamp_seconds flush"]; got != float64(success.Unix()) {
			t.Errorf("the last success was at %v, want %v", time.Unix(int64(got), 0), success)
		}
	}, runner.Job{Name: "flush", Every: time.Minute, Run: func(context.Context) error {
		err := outcomes[0]
		outcomes = outcomes[1:]
		if err != nil && err.Error() == "panic" {
			panic("out of cheese")
		}
		return err
	}})
}

func TestRunner_GivesARunItsRouteAndItsTimeout(t *testing.T) {
	routes, ends := make(chan string, 1), make(chan error, 1)
	bubble(t, runner.Options{}, func(*fixture) {
		wait(time.Minute + 4*time.Second)
		if route := <-routes; route != "job prune" || len(ends) != 0 {
			t.Errorf("route %q, %d runs ended early", route, len(ends))
		}
		wait(time.Second)
		if err := <-ends; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended by %v", err)
		}
	}, runner.Job{Name: "prune", Every: time.Minute, Timeout: 5 * time.Second, Run: func(ctx context.Context) error {
		routes <- tracing.From(ctx).Route
		<-ctx.Done()
		ends <- ctx.Err()
		return nil
	}})
}

func TestStop_WaitsForARunAndCancelsItAtTheEndOfItsTime(t *testing.T) {
	for _, c := range []struct {
		what      string
		run, stop time.Duration // how long the run works, and Stop may wait
		deaf      bool          // the run ignores its context
		want      error         // of Stop
		took      time.Duration
	}{
		{"a run that ends in time", time.Minute, time.Hour, false, nil, 59 * time.Second},
		{"a run that takes too long", time.Hour, time.Minute, false, context.DeadlineExceeded, time.Minute},
		{"a run that ignores its end", time.Hour, time.Minute, true, context.DeadlineExceeded, 61 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := runner.New(runner.Options{Log: slog.New(slog.DiscardHandler)})
			r.Add(runner.Job{Name: "slow", Every: time.Hour, Timeout: 2 * time.Hour, Run: func(ctx context.Context) error {
				if c.deaf {
					ctx = context.Background()
				}
				select {
				case <-time.After(c.run):
				case <-ctx.Done():
				}
				return nil
			}})
			r.Start()
			wait(time.Hour + time.Second)
			limit, cancel := context.WithTimeout(t.Context(), c.stop)
			defer cancel()
			began := time.Now()
			if err := r.Stop(limit); !errors.Is(err, c.want) {
				t.Errorf("%s: error %v, want %v", c.what, err, c.want)
			}
			if took := time.Since(began).Round(time.Second); took != c.took {
				t.Errorf("%s: took %v, want %v", c.what, took, c.took)
			}
			wait(2 * time.Hour)
		})
	}
}

// send signals as a sender must: without waiting.
func send(now chan<- struct{}) {
	select {
	case now <- struct{}{}:
	default:
	}
}

func TestNow_StartsARunAtOnceAndOneForAllSignalsBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := make(chan struct{}, 1)
		var atOnce atomic.Int64
		f := start(t, runner.Options{}, runner.Job{Name: "flush", Every: time.Hour, Now: now, Run: func(context.Context) error {
			if atOnce.Add(1) > 1 {
				t.Error("two runs at the same time")
			}
			time.Sleep(10 * time.Second)
			atOnce.Add(-1)
			return nil
		}})
		wait(time.Second)
		for range 100 {
			send(now)
			wait(time.Millisecond)
		}
		f.outcomes("during the first run", "flush", "done=0")
		wait(10 * time.Second)
		f.outcomes("after it", "flush", "done=1")
		wait(time.Minute)
		f.outcomes("after a hundred signals", "flush", "done=2")
		wait(time.Hour - 71*time.Second) // a scheduled run has just begun
		send(now)
		wait(time.Minute)
		f.outcomes("after a signal in a scheduled run", "flush", "done=4 skipped_running=0")
		wait(time.Hour - 70*time.Second)
		send(now)
		wait(30 * time.Second)
		f.outcomes("after a signal just before the scheduled run", "flush", "done=5 skipped_running=1")
	})
}

func TestNow_EndsWithStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := make(chan struct{}, 1)
		run := func(ctx context.Context) error { time.Sleep(10 * time.Second); return ctx.Err() }
		f := start(t, runner.Options{}, runner.Job{Name: "flush", Every: time.Hour, Now: now, Run: run})
		for range 3 { // the second waits for the first
			send(now)
			wait(time.Second)
		}
		if err := f.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		send(now)
		wait(time.Minute)
		f.outcomes("after Stop", "flush", "done=1 failed=0")
	})
}

func TestNow_PausesAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := make(chan struct{}, 1)
		f := start(t, runner.Options{}, runner.Job{Name: "flush", Every: time.Hour, Now: now, Run: func(context.Context) error {
			return problem.ErrUnavailable
		}})
		for range 4500 {
			send(now)
			wait(time.Millisecond)
		}
		f.outcomes("in 4.5 s", "flush", "failed=5")
	})
}
