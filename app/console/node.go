package console

import (
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// node is what one node tells of itself, to its own console or to that of another node.
// All numbers can be added up.
type node struct {
	Info    NodeInfo  `json:"info"`
	Problem string    `json:"problem,omitempty"`
	Seconds float64   `json:"seconds"`   // that are the last minute, since the start at most
	Bounds  []float64 `json:"bounds"`    // of the buckets of requests
	SQL     []float64 `json:"sqlBounds"` // and of statements
	Workers []Worker  `json:"workers"`

	Routes  map[string]*routeCounts `json:"routes"`
	History []counts                `json:"history"` // of all routes, or of the one asked for, the newest last
	End     int64                   `json:"end"`     // the number of History's newest step

	Tables     map[string]*tableCounts     `json:"tables"`
	Statements map[string]*statementCounts `json:"statements"`
	Limits     map[string]*limitCounts     `json:"limits"`
	Pools      map[string]*Pool            `json:"pools"`
	Queues     map[string]*Queue           `json:"queues"`
	Jobs       map[string]*Job             `json:"jobs"`
	Slow       []Call                      `json:"slow"`

	Dependencies []Dependency `json:"dependencies"`
}

type routeCounts struct {
	Total  counts   `json:"total"` // without buckets
	Recent counts   `json:"recent"`
	Spark  []uint64 `json:"spark"`
	Rate   float64  `json:"-"` // a second, of the nodes that were added
}

// tableCounts are look-ups by where they were answered: "memory", "redis", "miss", "stale".
type tableCounts struct {
	Total  map[string]uint64 `json:"total"`
	Recent map[string]uint64 `json:"recent"`
	Rate   float64           `json:"-"`
}

type statementCounts struct {
	Text   string  `json:"text"`
	Total  counts  `json:"total"`
	Recent counts  `json:"recent"`
	Rate   float64 `json:"-"`
	Load   float64 `json:"-"` // seconds a second
}

type limitCounts struct {
	Total, Recent uint64
	Rate          float64 `json:"-"`
}

// entry returns the value of a key, which it makes if there is none.
func entry[V any](m map[string]*V, key string) *V {
	if m[key] == nil {
		m[key] = new(V)
	}
	return m[key]
}

func (n *node) table(name string) *tableCounts {
	t := entry(n.Tables, name)
	if t.Total == nil {
		t.Total, t.Recent = make(map[string]uint64), make(map[string]uint64)
	}
	return t
}

// routeOf is the name of a route by its labels.
func routeOf(labels map[string]string) string {
	if labels["route"] == labels["method"] {
		return labels["route"] // "other"
	}
	return labels["method"] + " " + labels["route"]
}

func isError(status string) bool { return strings.HasPrefix(status, "5") }

// emptyNode returns a node that has counted nothing.
func emptyNode() *node {
	return &node{
		Routes: make(map[string]*routeCounts), History: make([]counts, steps), Tables: make(map[string]*tableCounts),
		Statements: make(map[string]*statementCounts), Limits: make(map[string]*limitCounts),
		Pools: make(map[string]*Pool), Queues: make(map[string]*Queue), Jobs: make(map[string]*Job),
	}
}

// newNode counts what the metrics say, and what has grown lately. route chooses the History.
func newNode(info NodeInfo, families []*dto.MetricFamily, h *history, route string) *node {
	n := emptyNode()
	n.Info, n.Seconds = info, recentSeconds(info)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			n.count(family.GetName(), labelsOf(metric), metric)
		}
	}
	n.End = h.visit(steps, func(age int, s *series, value int, grown float64) { n.grow(route, age, s, value, grown) })
	return n
}

func labelsOf(metric *dto.Metric) map[string]string {
	labels := make(map[string]string, len(metric.GetLabel()))
	for _, l := range metric.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	return labels
}

// take adds what the process in a slot has answered.
func (n *node) take(slot int, a Answer) {
	for _, call := range a.Calls {
		call.Slot = slot
		n.Slow = append(n.Slow, call)
	}
	for _, told := range a.Jobs {
		job := entry(n.Jobs, told.Name)
		told.Runs, told.Failures = job.Runs, job.Failures
		job.add(told)
	}
	for name, letters := range a.Letters {
		entry(n.Queues, name).Letters = letters
	}
	if a.Error != "" {
		n.Problem = a.Error
	}
}

// add merges what another process tells of the same job: the newest run counts. Runs and
// Failures are the caller's matter.
func (j *Job) add(other Job) {
	running, next := j.Running || other.Running, j.Next
	if next.IsZero() || other.Next.Before(next) {
		next = other.Next
	}
	if j.Name == "" || other.Last.After(j.Last) {
		runs, failures := j.Runs, j.Failures
		*j = other
		j.Runs, j.Failures = runs, failures
	}
	j.Running, j.Next = running, next
}
