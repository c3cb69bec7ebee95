package runner

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The outcomes of a run that was due.
const (
	done            = "done"
	failed          = "failed"
	skippedRunning  = "skipped_running"  // the last run has not ended
	skippedLocked   = "skipped_locked"   // another process runs it, or has run it
	lockUnavailable = "lock_unavailable" // Redis did not answer, so nobody knows who runs it
)

// metrics are labelled "name": Prometheus uses "job" itself.
type metrics struct {
	runs        *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	lastSuccess *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg) // registers nothing if reg is nil
	return &metrics{
		runs: f.NewCounterVec(prometheus.CounterOpts{
			Name: "prefab_job_runs_total",
			Help: "Runs of jobs that were due, by outcome.",
		}, []string{"name", "outcome"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "prefab_job_duration_seconds",
			Help:    "Duration of runs of jobs.",
			Buckets: []float64{.001, .01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 900},
		}, []string{"name"}),
		lastSuccess: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "prefab_job_last_success_timestamp_seconds",
			Help: "Time of the job's last successful run in this process.",
		}, []string{"name"}),
	}
}

// initialize sets a job's counters to 0: rate() needs a value before the first run.
func (m *metrics) initialize(job string) {
	for _, outcome := range [...]string{done, failed, skippedRunning, skippedLocked, lockUnavailable} {
		m.runs.WithLabelValues(job, outcome)
	}
}

func (m *metrics) ended(job string, took time.Duration, err error) {
	m.duration.WithLabelValues(job).Observe(took.Seconds())
	if err != nil {
		m.count(job, failed)
		return
	}
	m.count(job, done)
	m.lastSuccess.WithLabelValues(job).SetToCurrentTime()
}

func (m *metrics) count(job, outcome string) { m.runs.WithLabelValues(job, outcome).Inc() }
