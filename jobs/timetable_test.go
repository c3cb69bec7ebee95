package jobs_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"example.com/prefab/jobs"
)

// begins runs a job for a while, with the jitter that it has by default, and
// returns when its runs began, counted from the start, which is midnight UTC.
func begins(t *testing.T, j jobs.Job, during time.Duration) (at []time.Duration) {
	t.Helper()
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of every bubble
	j.Name, j.Timeout = "clock", time.Second
	j.Run = func(context.Context) error { at = append(at, time.Since(start)); return nil }
	runJobsAsTheyAre(t, jobs.Options{}, []jobs.Job{j}, func(_ *testing.T, _ *jobs.Runner, _ *journal) {
		pass(during)
	})
	return at
}

func TestTimetable_PutsRunsOffByATenthOfTheIntervalAtMost(t *testing.T) {
	const hour, minute = time.Hour, time.Minute
	for _, c := range []struct {
		what              string
		job               jobs.Job
		interval, longest time.Duration
	}{
		{"a short interval", jobs.Job{Every: 5 * time.Second}, 5 * time.Second, 500 * time.Millisecond},
		{"a part of a second", jobs.Job{Every: 100 * time.Millisecond}, 100 * time.Millisecond, 10 * time.Millisecond},
		{"a minute", jobs.Job{Every: minute}, minute, 6 * time.Second},
		{"a long interval", jobs.Job{Every: 4 * hour}, 4 * hour, minute},
		{"a schedule", jobs.Job{Schedule: "30 */2 * * * *"}, 2 * minute, 12 * time.Second},
		{"a jitter of its own", jobs.Job{Every: hour, Jitter: 10 * minute}, hour, 10 * minute},
		{"a jitter that is too long", jobs.Job{Every: minute, Jitter: hour}, minute, 20 * time.Second},
	} {
		const runs = 50
		at := begins(t, c.job, (runs+1)*c.interval)
		if len(at) < runs || len(at) > runs+1 {
			t.Errorf("%s: %d runs in %d intervals", c.what, len(at), runs+1)
		}
		offset := time.Duration(0)
		if c.job.Schedule != "" {
			offset = 30 * time.Second
		}
		late := map[time.Duration]bool{}
		for _, began := range at {
			delay := (began - offset) % c.interval
			late[delay] = true
			if delay >= c.longest {
				t.Errorf("%s: a run begins at %v, %v late", c.what, began, delay)
			}
		}
		if len(late) < 10 {
			t.Errorf("%s: only %d different delays", c.what, len(late))
		}
	}
}

func TestTimetable_ReadsCronExpressionsWithSecondsInUTC(t *testing.T) {
	for schedule, want := range map[string]string{ // of a Saturday and a Sunday
		"0 0 3 * * *":                       "3h0m0s 27h0m0s",
		"CRON_TZ=Europe/Berlin 0 0 3 * * *": "2h0m0s 26h0m0s",
		"15,45 59 23 * * *":                 "23h59m15s 23h59m45s 47h59m15s 47h59m45s",
		"0 0 12 * * SUN":                    "36h0m0s",
		"0 0 0 1 2 *":                       "",
	} {
		var got []string
		for _, began := range begins(t, jobs.Job{Schedule: schedule, Jitter: 1}, 48*time.Hour) {
			got = append(got, began.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: runs at %v, want %v", schedule, got, want)
		}
	}
}

func TestRunnerAdd_RefusesAJobThatCannotBeRun(t *testing.T) {
	whole := jobs.Job{Name: "a", Every: time.Second, Timeout: time.Second, Run: func(context.Context) error { return nil }}
	for what, spoil := range map[string]func(*jobs.Job){
		"no name":              func(j *jobs.Job) { j.Name = "" },
		"no work":              func(j *jobs.Job) { j.Run = nil },
		"no timeout":           func(j *jobs.Job) { j.Timeout = 0 },
		"no time":              func(j *jobs.Job) { j.Every = 0 },
		"a negative time":      func(j *jobs.Job) { j.Every = -1 },
		"two times":            func(j *jobs.Job) { j.Schedule = "0 0 3 * * *" },
		"a negative jitter":    func(j *jobs.Job) { j.Jitter = -1 },
		"five fields":          func(j *jobs.Job) { j.Every, j.Schedule = 0, "0 3 * * *" },
		"a word for a time":    func(j *jobs.Job) { j.Every, j.Schedule = 0, "@daily" },
		"no such day":          func(j *jobs.Job) { j.Every, j.Schedule = 0, "0 0 0 30 2 *" },
		"shared without locks": func(j *jobs.Job) { j.Shared = true },
	} {
		t.Run(what, func(t *testing.T) {
			job := whole
			spoil(&job)
			defer func() {
				if reason, _ := recover().(string); !strings.Contains(reason, "job ") {
					t.Errorf("it was taken, or refused with %q", reason)
				}
			}()
			jobs.NewRunner(jobs.Options{Log: slog.New(slog.DiscardHandler)}).Add(job)
		})
	}
	jobs.NewRunner(jobs.Options{}).Add(whole)
}
