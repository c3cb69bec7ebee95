package jobs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What became of a run that was due.
const (
	done         = "done"
	failed       = "failed"
	stillRunning = "still_running" // the last one, so this one was left out
	elsewhere    = "elsewhere"     // another process sees to it
	lockAway     = "lock_away"     // nobody could be asked whether another process does
)

// metrics tell what the jobs do. Jobs are constants in the code, so the labels
// are bounded. The
// label is not job: Prometheus has its own of that name.
type metrics struct {
	runs        *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	lastSuccess *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prefab_job_runs_total",
			Help: "Runs of jobs that were due, by what became of them.",
		}, []string{"name", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "prefab_job_duration_seconds",
			Help:    "How long runs of jobs took.",
			Buckets: []float64{.001, .01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 900},
		}, []string{"name"}),
		lastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "prefab_job_last_success_timestamp_seconds",
			Help: "When a run of the job last succeeded in this process.",
		}, []string{"name"}),
	}
	if reg != nil {
		reg.MustRegister(m.runs, m.duration, m.lastSuccess)
	}
	return m
}

// announce has a job's counters begin at 0: a rate needs a value before the first run.
func (m *metrics) announce(job string) {
	for _, outcome := range [...]string{done, failed, stillRunning, elsewhere, lockAway} {
		m.runs.WithLabelValues(job, outcome)
	}
}

func (m *metrics) ended(job string, took time.Duration, err error) {
	m.duration.WithLabelValues(job).Observe(took.Seconds())
	if err != nil {
		m.runs.WithLabelValues(job, failed).Inc()
		return
	}
	m.runs.WithLabelValues(job, done).Inc()
	m.lastSuccess.WithLabelValues(job).SetToCurrentTime()
}

func (m *metrics) skipped(job, why string) { m.runs.WithLabelValues(job, why).Inc() }
