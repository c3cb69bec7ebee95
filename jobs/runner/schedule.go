package runner

import (
	"errors"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

var sixFields = cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

func newSchedule(j Job) (cron.Schedule, error) {
	switch {
	case (j.Every > 0) == (j.Schedule != ""):
		return nil, errors.New("it needs either Every or Schedule")
	case j.Every > 0:
		return every(j.Every), nil
	}
	due, err := sixFields.Parse(j.Schedule)
	if err != nil {
		return nil, fmt.Errorf("read its schedule: %w", err)
	}
	if due.Next(time.Now()).IsZero() {
		return nil, errors.New("it is never due")
	}
	return due, nil
}

// every is due at the multiples of an interval. cron.Every counts from the start of the
// process: processes would differ, and one that is often restarted would never run the job.
type every time.Duration

// Next is part of cron.Schedule. It adds a distance to t, which has a monotonic clock
// reading, so that a wall clock that is set back does not delay the run.
func (e every) Next(t time.Time) time.Time {
	return t.Add(t.Truncate(time.Duration(e)).Add(time.Duration(e)).Sub(t))
}
