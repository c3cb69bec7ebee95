package runner_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/prefab/jobs/runner"
)

// begins runs a job for a while, and returns when its runs began,
// counted from midnight UTC.
func begins(t *testing.T, j runner.Job, during time.Duration) (at []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		midnight := time.Now() // of every bubble
		j.Name, j.Timeout = "clock", time.Second
		j.Run = func(context.Context) error { at = append(at, time.Since(midnight)); return nil }
		r := runner.New(runner.Options{Log: slog.New(slog.DiscardHandler)})
		r.Add(j)
		r.Start()
		wait(during)
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	return at
}

func TestSchedule_ReadsCronExpressionsWithSecondsInUTC(t *testing.T) {
	for schedule, want := range map[string]string{ // of a Saturday and a Sunday
		"0 0 3 * * *":                       "3h0m0s 27h0m0s",
		"CRON_TZ=Europe/Berlin 0 0 3 * * *": "2h0m0s 26h0m0s",
		"15,45 59 23 * * *":                 "23h59m15s 23h59m45s 47h59m15s 47h59m45s",
		"0 0 12 * * SUN":                    "36h0m0s",
	} {
		var got []string
		for _, began := range begins(t, runner.Job{Schedule: schedule}, 48*time.Hour) {
			got = append(got, began.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: runs at %v, want %v", schedule, got, want)
		}
	}
}

func TestAdd_RefusesAnInvalidJob(t *testing.T) {
	valid := runner.Job{Name: "a", Every: time.Second, Timeout: time.Second, Run: func(context.Context) error { return nil }}
	for what, spoil := range map[string]func(*runner.Job){
		"no name":              func(j *runner.Job) { j.Name = "" },
		"no work":              func(j *runner.Job) { j.Run = nil },
		"no timeout":           func(j *runner.Job) { j.Timeout = 0 },
		"no time":              func(j *runner.Job) { j.Every = 0 },
		"two times":            func(j *runner.Job) { j.Schedule = "0 0 3 * * *" },
		"five fields":          func(j *runner.Job) { j.Every, j.Schedule = 0, "0 3 * * *" },
		"no such day":          func(j *runner.Job) { j.Every, j.Schedule = 0, "0 0 0 30 2 *" },
		"shared without locks": func(j *runner.Job) { j.Shared = true },
	} {
		t.Run(what, func(t *testing.T) {
			job := valid
			spoil(&job)
			defer func() {
				if reason, _ := recover().(string); !strings.Contains(reason, "job ") {
					t.Errorf("it was added, or refused with %q", reason)
				}
			}()
			runner.New(runner.Options{}).Add(job)
		})
	}
	runner.New(runner.Options{}).Add(valid)
}
