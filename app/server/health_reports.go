package server

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/prefab/handlers/ops"
)

const (
	reportInterval = time.Second
	reportMaxAge   = 5 * time.Second // a process that has not reported for longer hangs
)

// publishHealth gives a report at once and at intervals, until stop is called.
func publishHealth(
	report func(context.Context) ops.Report, publish func(ops.Report),
) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	publish(report(ctx))
	var published sync.WaitGroup
	published.Go(func() {
		for {
			select {
			case <-time.After(reportInterval):
				publish(report(ctx))
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); published.Wait() }
}

// healthReports answers GET /health on ADMIN_ADDR. It holds the newest report of every
// process that serves, since a supervisor has no connection to what they depend on.
type healthReports struct {
	mu     sync.Mutex
	newest map[int]receivedReport // by pid
}

type receivedReport struct {
	ops.Report
	at time.Time
}

func newHealthReports() *healthReports {
	return &healthReports{newest: make(map[int]receivedReport)}
}

func (r *healthReports) receive(pid int, report ops.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.newest[pid] = receivedReport{report, time.Now()}
}

func (r *healthReports) ended(pid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.newest, pid)
}

// ServeHTTP answers with the report of a process that is not well, or of any where all
// are; 503 where one is not, or none has reported yet.
func (r *healthReports) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	report, status := r.worst(), http.StatusOK
	if !report.OK() {
		status = http.StatusServiceUnavailable
	}
	answer(w, status, report)
}

func (r *healthReports) worst() ops.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := ops.Report{Status: "error", Timestamp: time.Now().UTC()}
	for _, report := range r.newest {
		found = report.Report
		if time.Since(report.at) > reportMaxAge {
			found.Status = "error"
		}
		if !found.OK() {
			break
		}
	}
	return found
}

// down returns the dependencies that some process does not reach.
func (r *healthReports) down() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := make(map[string]bool)
	for _, report := range r.newest {
		for _, name := range report.Down() {
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
