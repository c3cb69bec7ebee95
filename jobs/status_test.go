package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/jobs"
	"example.com/prefab/services/problem"
)

func equal[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// jobOf returns a job that takes some time, and what it returns then.
func jobOf(name string, outcome func(run int) error) jobs.Job {
	run := 0
	return jobs.Job{Name: name, Every: time.Minute, Timeout: time.Hour, Run: func(context.Context) error {
		run++
		time.Sleep(time.Duration(run) * 10 * time.Second)
		return outcome(run)
	}}
}

func TestStatus_KeepsAccountOfEachJob(t *testing.T) {
	broken := errors.New("broken")
	runJobs(t, []jobs.Job{
		jobOf("well", func(int) error { return nil }),
		jobOf("ill", func(run int) error {
			if run == 2 {
				return broken
			}
			return nil
		}),
		jobOf("mad", func(run int) error {
			if run == 2 {
				panic("out of cheese")
			}
			return nil
		}),
	}, func(t *testing.T, r *jobs.Runner, log *journal) {
		expect := func(when string, wants ...string) {
			t.Helper()
			for i, s := range r.Status() {
				cause, _, _ := strings.Cut(fmt.Sprint(s.LastError), "\n")
				start := "never"
				if !s.LastStart.IsZero() {
					start = s.LastStart.UTC().Format("04:05")
				}
				got := fmt.Sprintf("%s runs=%d failures=%d skipped=%d start=%s took=%v error=%s running=%v",
					s.Name, s.Runs, s.Failures, s.Skipped, start, s.LastDuration, cause, s.Running)
				if got != wants[i] {
					t.Errorf("%s:\ngot  %s\nwant %s", when, got, wants[i])
				}
			}
		}
		all := func(rest string) []string { return []string{"well " + rest, "ill " + rest, "mad " + rest} }
		expect("before", all("runs=0 failures=0 skipped=0 start=never took=0s error=<nil> running=false")...)
		pass(65 * time.Second)
		expect("in the first run", all("runs=0 failures=0 skipped=0 start=01:00 took=0s error=<nil> running=true")...)
		pass(20 * time.Second)
		expect("after it", all("runs=1 failures=0 skipped=0 start=01:00 took=10s error=<nil> running=false")...)
		pass(time.Minute)
		expect("after the second",
			"well runs=2 failures=0 skipped=0 start=02:00 took=20s error=<nil> running=false",
			"ill runs=2 failures=1 skipped=0 start=02:00 took=20s error=broken running=false",
			"mad runs=2 failures=1 skipped=0 start=02:00 took=20s error=panic: out of cheese running=false")
		if stacks := strings.Count(log.String(), "runtime/debug.Stack"); stacks != 1 {
			t.Errorf("%d stacks in the log, want 1:\n%s", stacks, log)
		}
		pass(10 * time.Minute) // the sixth begins at 06:00 and takes a minute, so the next is left out
		for _, s := range r.Status() {
			if s.Skipped == 0 || s.LastError != nil || s.Runs+s.Skipped > 12 {
				t.Errorf("at last %+v", s)
			}
		}
	})
}

func TestMetrics_TellRunsByTheirOutcome(t *testing.T) {
	reg, lock := prometheus.NewRegistry(), &desk{}
	shared := jobOf("shared", func(int) error { return nil })
	shared.Shared = true
	runJobsWith(t, jobs.Options{Metrics: reg, Lock: lock.hold}, []jobs.Job{
		jobOf("ill", func(int) error { return errors.New("broken") }), shared,
	}, func(t *testing.T, _ *jobs.Runner, _ *journal) {
		zero := gather(t, reg)
		for _, outcome := range []string{"done", "failed", "still_running", "elsewhere", "lock_away"} {
			if n, ok := zero["prefab_job_runs_total ill "+outcome]; !ok || n != 0 {
				t.Errorf("%s begins at %v, %v", outcome, n, ok)
			}
		}
		if _, ok := zero["prefab_job_last_success_timestamp_seconds shared"]; ok {
			t.Error("a success is told of before the first run")
		}
		pass(90 * time.Second)
		lock.tell(nil, true)
		pass(time.Minute)
		lock.tell(errors.New("no Redis"), false)
		pass(time.Minute)
		got := gather(t, reg)
		success := time.Date(2000, 1, 1, 0, 1, 10, 0, time.UTC)
		for name, want := range map[string]float64{
			"prefab_job_runs_total ill failed":                 3,
			"prefab_job_runs_total ill done":                   0,
			"prefab_job_runs_total shared done":                1,
			"prefab_job_runs_total shared elsewhere":           1,
			"prefab_job_runs_total shared lock_away":           1,
			"prefab_job_duration_seconds ill":                  3,
			"prefab_job_last_success_timestamp_seconds shared": float64(success.Unix()),
		} {
			if got[name] != want {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
		if _, ok := got["prefab_job_last_success_timestamp_seconds ill"]; ok {
			t.Error("a success is told of a job that has had none")
		}
		pass(10 * time.Minute)
		if n := gather(t, reg)["prefab_job_runs_total ill still_running"]; n == 0 {
			t.Error("no run was left out, and some last longer than the interval")
		}
	})
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
			name := []string{family.GetName()}
			for _, label := range m.GetLabel() {
				name = append(name, label.GetValue())
			}
			at := strings.Join(name, " ")
			switch {
			case m.GetCounter() != nil:
				values[at] = m.GetCounter().GetValue()
			case m.GetGauge() != nil:
				values[at] = m.GetGauge().GetValue()
			default:
				values[at] = float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return values
}

func TestRunner_TellsOfAnOutageOnce(t *testing.T) {
	away := fmt.Errorf("store: %w", problem.ErrUnavailable)
	outcomes := []error{away, away, away, nil, nil, away, errors.New("broken"), errors.New("broken")}
	runJobs(t, []jobs.Job{{Name: "flush", Every: time.Minute, Timeout: time.Second, Run: func(context.Context) error {
		err := outcomes[0]
		outcomes = outcomes[1:]
		return err
	}}}, func(t *testing.T, _ *jobs.Runner, log *journal) {
		pass(8 * time.Minute)
		for text, want := range map[string]int{
			"waits for a server": 2, "does its work again": 1, "level=ERROR": 2, "level=WARN": 2,
		} {
			if got := strings.Count(log.String(), text); got != want {
				t.Errorf("%d times %q, want %d:\n%s", got, text, want, log)
			}
		}
	})
}
