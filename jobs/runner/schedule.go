package runner

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/robfig/cron/v3"
)

// maxJitter bounds the default jitter: a job scheduled for 03:00 should not run at 05:00.
const maxJitter = time.Minute

var sixFields = cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// schedule says when runs begin: a random delay after they are due.
type schedule struct {
	due    cron.Schedule
	jitter time.Duration // 0: a tenth of the interval
}

func newSchedule(j Job) (schedule, error) {
	switch {
	case (j.Every > 0) == (j.Schedule != ""):
		return schedule{}, errors.New("it needs either Every or Schedule")
	case j.Jitter < 0:
		return schedule{}, errors.New("its Jitter is negative")
	case j.Every > 0:
		return schedule{due: every(j.Every), jitter: j.Jitter}, nil
	}
	due, err := sixFields.Parse(j.Schedule)
	if err != nil {
		return schedule{}, fmt.Errorf("read its schedule: %w", err)
	}
	if due.Next(time.Now()).IsZero() {
		return schedule{}, errors.New("it is never due")
	}
	return schedule{due: due, jitter: j.Jitter}, nil
}

// Next is part of cron.Schedule. It adds a distance to t, which has a monotonic clock
// reading, so that a wall clock that is set back does not delay the run.
func (s schedule) Next(t time.Time) time.Time {
	due := s.due.Next(t)
	if due.IsZero() {
		return due
	}
	return t.Add(due.Sub(t) + s.delay(due))
}

// delay is well below the interval: otherwise cron could skip the next run.
func (s schedule) delay(due time.Time) time.Duration {
	interval := maxJitter
	if next := s.due.Next(due); !next.IsZero() {
		interval = next.Sub(due)
	}
	longest := min(interval/10, maxJitter)
	if s.jitter > 0 {
		longest = min(interval/3, s.jitter)
	}
	return rand.N(max(longest, 1)) //nolint:gosec // not a secret
}

// every is due at the multiples of an interval. cron.Every counts from the start of the
// process: processes would differ, and one that is often restarted would never run the job.
type every time.Duration

// Next is part of cron.Schedule.
func (e every) Next(t time.Time) time.Time {
	return t.Truncate(time.Duration(e)).Add(time.Duration(e))
}
