package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Status tells how a job is doing in this process.
type Status struct {
	Name     string
	Runs     int64 // that have ended
	Failures int64 // of these
	// Skipped counts the runs left out: the last one still went on, another process
	// saw to it, or that could not be found out.
	Skipped      int64
	LastStart    time.Time // zero before the first run
	LastDuration time.Duration
	LastError    error // of the last run that has ended
	Running      bool
}

var errNoLock = errors.New("it is shared, and the runner has no lock")

// task is a job in a runner.
type task struct {
	Job
	times timetable
	turn  chan struct{} // full while a run goes on

	mu       sync.Mutex
	status   Status
	lockless bool // the lock could not be asked the last time
	stranded bool // the last run lacked a server that it needs
}

func newTask(j Job) (*task, error) {
	if j.Name == "" || j.Run == nil || j.Timeout <= 0 {
		return nil, errors.New("it needs a Name, a Timeout and a Run")
	}
	times, err := newTimetable(j)
	if err != nil {
		return nil, err
	}
	return &task{Job: j, times: times, turn: make(chan struct{}, 1), status: Status{Name: j.Name}}, nil
}

// call runs the job and keeps account of it. A panic is an error with the stack,
// so that the job runs again next time.
func (t *task) call(ctx context.Context) (err error) {
	began := time.Now()
	t.mu.Lock()
	t.status.Running, t.status.LastStart = true, began
	t.mu.Unlock()
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v\n%s", reason, debug.Stack())
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.status.Running, t.status.LastDuration, t.status.LastError = false, time.Since(began), err
		if t.status.Runs++; err != nil {
			t.status.Failures++
		}
	}()
	return t.Run(ctx)
}

func (t *task) skipped() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status.Skipped++
}

// isNews notes how one of the task's conditions is now, and reports whether that is
// news: an outage is told of once, not with every run.
func (t *task) isNews(condition *bool, now bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := *condition
	*condition = now
	return was != now
}

func (t *task) snapshot() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status
}
