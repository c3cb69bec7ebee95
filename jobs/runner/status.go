package runner

import (
	"errors"
	"strings"
	"sync"
	"time"

	"example.com/prefab/services/problem"
)

// Status is what a job does in this process. Of a shared job others may run the rest.
type Status struct {
	Name     string
	Schedule string // "every 5m", or the cron expression
	Shared   bool
	Running  bool
	Last     time.Time     // when the last run began; zero: none has
	Took     time.Duration // that run, until now if it has not ended
	Error    string        // of the last run that has ended, as it was logged; at most 300 bytes
	Next     time.Time
}

// Status returns the status of each job, in the order in which they were added.
func (r *Runner) Status() []Status {
	all := make([]Status, 0, len(r.tasks))
	now := time.Now().UTC()
	for _, t := range r.tasks {
		s := t.progress.get()
		s.Name, s.Schedule, s.Shared, s.Next = t.Name, t.Schedule, t.Shared, t.schedule.Next(now).UTC()
		if t.Every > 0 {
			s.Schedule = "every " + shortDuration(t.Every)
		}
		if s.Running {
			s.Took = time.Since(s.Last)
		}
		all = append(all, s)
	}
	return all
}

// shortDuration writes 5m0s as 5m.
func shortDuration(d time.Duration) string {
	text := d.String()
	for _, zero := range [...]string{"m0s", "h0m"} {
		if cut, ok := strings.CutSuffix(text, zero); ok {
			text = cut + zero[:1]
		}
	}
	return text
}

// RunNow starts a job as if it was due, and does not wait for its end. The errors are safe to
// show: there is no such job, it is running here or in another process, or the process stops.
func (r *Runner) RunNow(name string) error {
	started, err := r.startNow(name)
	if err == nil && !<-started {
		err = errNotStarted
	}
	return err
}

var errNotStarted = &problem.Error{
	Code: problem.Conflict, Message: "The job was not started: another process runs it, or its lock is not available.",
}

// startNow asks for the job's lock. What it returns tells first whether the lock was got.
func (r *Runner) startNow(name string) (started <-chan bool, err error) {
	r.stopping.Lock()
	defer r.stopping.Unlock()
	for _, t := range r.tasks {
		switch {
		case t.Name != name:
			continue
		case r.open.Err() != nil:
			return nil, &problem.Error{Code: problem.Unavailable, Message: "The process stops. Please try again in a moment."}
		}
		select {
		case t.running <- struct{}{}:
		default:
			return nil, &problem.Error{Code: problem.Conflict, Message: "The job is running."}
		}
		started := make(chan bool, 2) // nobody receives the second value
		r.background.Go(func() {
			defer func() { <-t.running }()
			r.run(t, time.Time{}, func() { started <- true })
			started <- false
		})
		return started, nil
	}
	return nil, &problem.Error{Code: problem.NotFound, Message: "There is no such job."}
}

// progress is what is known of a job's runs.
type progress struct {
	mu  sync.Mutex
	now Status // Running, Last, Took, Error
}

func (p *progress) get() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *progress) began(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Running, p.now.Last = true, at
}

func (p *progress) ended(took time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Running, p.now.Took, p.now.Error = false, took, shortText(err)
}

func shortText(err error) string {
	const limit = 300
	if err == nil {
		return ""
	}
	text := err.Error()
	if panicked, ok := errors.AsType[*panicError](err); ok {
		text = panicked.reason()
	}
	return strings.ToValidUTF8(text[:min(len(text), limit)], "")
}
