package jobs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/robfig/cron/v3"
)

// maxJitter bounds the jitter that a job has by default: who wants a run at three
// in the morning does not mean five.
const maxJitter = time.Minute

var sixFields = cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// timetable says when a job's runs begin: when they are due, and a random while
// after that.
type timetable struct {
	due    cron.Schedule
	jitter time.Duration // 0: a tenth of the interval
}

func newTimetable(j Job) (timetable, error) {
	switch {
	case (j.Every > 0) == (j.Schedule != ""):
		return timetable{}, errors.New("either Every or Schedule must say when it is due")
	case j.Jitter < 0:
		return timetable{}, errors.New("its Jitter is negative")
	case j.Every > 0:
		return timetable{due: every(j.Every), jitter: j.Jitter}, nil
	}
	due, err := sixFields.Parse(j.Schedule)
	if err != nil {
		return timetable{}, fmt.Errorf("read its schedule: %w", err)
	}
	if due.Next(time.Now()).IsZero() {
		return timetable{}, errors.New("it is never due")
	}
	return timetable{due: due, jitter: j.Jitter}, nil
}

// Next is part of cron.Schedule. It is reckoned as a distance from t, so that a
// clock that is set back does not put off what cron waits for.
func (s timetable) Next(t time.Time) time.Time {
	due := s.due.Next(t)
	if due.IsZero() {
		return due
	}
	return t.Add(due.Sub(t) + s.delay(due))
}

// delay stays well below the interval, or the next run could be passed over.
func (s timetable) delay(due time.Time) time.Duration {
	interval := maxJitter
	if next := s.due.Next(due); !next.IsZero() {
		interval = next.Sub(due)
	}
	longest := min(interval/10, maxJitter)
	if s.jitter > 0 {
		longest = min(interval/3, s.jitter)
	}
	return rand.N(max(longest, 1)) //nolint:gosec // nobody gains by guessing it
}

// every is due at the multiples of an interval. Where cron.Every counts from the
// start of the process, this is the same moment in all of them, and a process that
// is often restarted misses none.
type every time.Duration

// Next is part of cron.Schedule.
func (e every) Next(t time.Time) time.Time {
	return t.Truncate(time.Duration(e)).Add(time.Duration(e))
}
