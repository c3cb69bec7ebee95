package runner_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/prefab/jobs/runner"
	"example.com/prefab/services/problem"
)

func TestStatus_TellsTheLastRunAndTheNext(t *testing.T) {
	midnight := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	var fails atomic.Pointer[error] // "panic" panics
	fail := func(err error) { fails.Store(&err) }
	fail(nil)
	bubble(t, runner.Options{Lock: (&lock{}).hold}, func(f *fixture) {
		want := []runner.Status{
			{Name: "count", Schedule: "every 1m", Next: midnight.Add(time.Minute)},
			{Name: "mail", Schedule: "0 30 * * * *", Shared: true, Next: midnight.Add(30 * time.Minute)},
		}
		check := func(when string) {
			t.Helper()
			got := f.Status()
			for i := range got {
				got[i].Last = got[i].Last.UTC().Round(0) // without the monotonic clock
				got[i].Next = got[i].Next.Round(0)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\n%+v, want\n%+v", when, got, want)
			}
		}
		want[0].Last, want[1].Last = time.Time{}.UTC(), time.Time{}.UTC()
		check("at the start")
		wait(61 * time.Second)
		want[0].Last, want[0].Next = midnight.Add(time.Minute), midnight.Add(2*time.Minute)
		want[0].Running, want[0].Took = true, time.Second
		check("during a run")
		fail(errors.New(strings.Repeat("é", 300)))
		wait(time.Second)
		want[0].Running, want[0].Took, want[0].Error = false, 2*time.Second, strings.Repeat("é", 150)
		check("after a failure")
		fail(errors.New("panic"))
		wait(time.Minute)
		want[0].Last, want[0].Next = want[0].Next, midnight.Add(3*time.Minute)
		want[0].Error = "panic: out of cheese"
		check("after a panic")
		fail(nil)
		wait(time.Minute)
		want[0].Last, want[0].Next, want[0].Error = want[0].Next, midnight.Add(4*time.Minute), ""
		check("after a success")
	}, runner.Job{Name: "count", Every: time.Minute, Run: func(context.Context) error {
		time.Sleep(2 * time.Second)
		err := *fails.Load()
		if err != nil && err.Error() == "panic" {
			panic("out of cheese")
		}
		return err
	}}, runner.Job{Name: "mail", Schedule: "0 30 * * * *", Shared: true, Run: func(context.Context) error { return nil }})
}

func TestStatus_WritesShortIntervals(t *testing.T) {
	for every, want := range map[time.Duration]string{
		10 * time.Second: "every 10s", 90 * time.Second: "every 1m30s", time.Hour: "every 1h",
		10 * time.Minute: "every 10m", 100 * time.Millisecond: "every 100ms", 90 * time.Minute: "every 1h30m",
	} {
		r := runner.New(runner.Options{})
		r.Add(runner.Job{Name: "x", Every: every, Timeout: 1, Run: func(context.Context) error { return nil }})
		if got := r.Status()[0].Schedule; got != want {
			t.Errorf("%s is %q, want %q", every, got, want)
		}
	}
}

func TestRunNow_RunsAJobOnce(t *testing.T) {
	l := &lock{}
	wantCode := func(f *fixture, what, job string, want problem.Code) {
		t.Helper()
		if err := f.RunNow(job); err == nil || problem.CodeOf(err) != want {
			t.Errorf("%s: the error is %v", what, err)
		}
	}
	bubble(t, runner.Options{Lock: l.hold}, func(f *fixture) {
		wantCode(f, "an unknown job", "other", problem.NotFound)
		if err := f.RunNow("mail"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantCode(f, "a running job", "mail", problem.Conflict)
		wait(time.Minute)
		f.outcomes("after the run", "mail", "done=1")
		l.set(nil, true)
		wantCode(f, "a job that another process runs", "mail", problem.Conflict)
		synctest.Wait()
		f.outcomes("while another process runs it", "mail", "done=1 skipped_locked=1")
		if l.waits[0] != 0 {
			t.Errorf("the lock is asked for %s, as if an earlier run did for this one", l.waits[0])
		}
		l.set(nil, false)
		if err := f.RunNow("mail"); err != nil {
			t.Fatal(err)
		}
		if err := f.Stop(f.t.Context()); err != nil {
			t.Fatal(err)
		}
		f.outcomes("after Stop, which waits for it", "mail", "done=2")
		wantCode(f, "after Stop", "mail", problem.Unavailable)
	}, runner.Job{Name: "mail", Every: 24 * time.Hour, Shared: true, Run: func(context.Context) error {
		time.Sleep(time.Second)
		return nil
	}})
}
