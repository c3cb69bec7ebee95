package console

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

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
}

// tableCounts are look-ups by where they were answered: "memory", "redis", "miss", "stale".
type tableCounts struct {
	Total  map[string]uint64 `json:"total"`
	Recent map[string]uint64 `json:"recent"`
}

type statementCounts struct {
	Text   string `json:"text"`
	Total  counts `json:"total"`
	Recent counts `json:"recent"`
}

type limitCounts struct{ Total, Recent uint64 }

const (
	sparkSteps = 15 // 30 s
	sparks     = steps / sparkSteps
)

// entry returns the value of a key, which it makes if there is none.
func entry[V any](m map[string]*V, key string) *V {
	if m[key] == nil {
		m[key] = new(V)
	}
	return m[key]
}

// routeOf is the name of a route by its labels.
func routeOf(labels map[string]string) string {
	if labels["route"] == labels["method"] {
		return labels["route"] // "other"
	}
	return labels["method"] + " " + labels["route"]
}

func isError(status string) bool { return strings.HasPrefix(status, "5") }

// newNode counts what the metrics say, and what has grown lately. route chooses the History.
func newNode(info NodeInfo, families []*dto.MetricFamily, h *history, route string) *node {
	n := &node{
		Info: info, Seconds: recentSeconds(info),
		Routes: make(map[string]*routeCounts), History: make([]counts, steps), Tables: make(map[string]*tableCounts),
		Statements: make(map[string]*statementCounts), Limits: make(map[string]*limitCounts),
		Pools: make(map[string]*Pool), Queues: make(map[string]*Queue), Jobs: make(map[string]*Job),
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			n.count(family.GetName(), labelsOf(metric), metric)
		}
	}
	n.End = h.visit(steps, func(age int, s *series, value int, grown float64) { n.grow(route, age, s, value, grown) })
	return n
}

// recentSeconds is how much of the last minute the node has been there. The newest step,
// half of which is over on average, does not count.
func recentSeconds(info NodeInfo) float64 {
	return max(step, min(recentSteps*step, info.Seen.Sub(info.Started)-step/2)).Seconds()
}

func labelsOf(metric *dto.Metric) map[string]string {
	labels := make(map[string]string, len(metric.GetLabel()))
	for _, l := range metric.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	return labels
}

// count adds one metric to the totals.
func (n *node) count(family string, labels map[string]string, metric *dto.Metric) {
	value, gauge := metric.GetCounter().GetValue(), metric.GetGauge().GetValue()
	switch family {
	case requestsTotal:
		total := counts{N: uint64(value)}
		if isError(labels["status"]) {
			total.Errors = total.N
		}
		entry(n.Routes, routeOf(labels)).Total.add(total)
	case queryDuration:
		total := counts{N: metric.GetHistogram().GetSampleCount(), Seconds: metric.GetHistogram().GetSampleSum()}
		if labels["outcome"] == "error" {
			total.Errors = total.N
		}
		entry(n.Statements, labels["query"]).Total.add(total)
	case cacheLookups:
		t := entry(n.Tables, labels["table"])
		if t.Total == nil {
			t.Total, t.Recent = make(map[string]uint64), make(map[string]uint64)
		}
		t.Total[labels["found"]] += uint64(value)
	case limitedRequests:
		if labels["outcome"] == "denied" {
			entry(n.Limits, labels["limit"]).Total += uint64(value)
		}
	case deniedSignIns:
		entry(n.Limits, labels["name"]+" by "+labels["limit"]).Total += uint64(value)
	case "prefab_dependency_up":
		n.countDependency(labels["dependency"], int(gauge))
	case "prefab_write_behind_pending", "prefab_outbox_waiting":
		q := n.queue(labels)
		q.Waiting = max(q.Waiting, int(gauge)) // each worker tells of the same queue
	case "prefab_write_behind_oldest_seconds", "prefab_outbox_oldest_seconds":
		q := n.queue(labels)
		q.Oldest = max(q.Oldest, gauge)
	case "prefab_write_behind_dead_letters", "prefab_outbox_given_up":
		q := n.queue(labels)
		q.Dead = max(q.Dead, int(gauge))
	case "prefab_job_runs_total":
		job := entry(n.Jobs, labels["name"])
		switch labels["outcome"] {
		case "done":
			job.Runs += uint64(value)
		case "failed":
			job.Runs += uint64(value)
			job.Failures += uint64(value)
		}
	default:
		n.countPool(family, labels, value+gauge)
		n.countWorker(family, labels, gauge)
	}
}

// queue is the write-behind buffer that the labels name, or else the outbox.
func (n *node) queue(labels map[string]string) *Queue {
	return entry(n.Queues, cmp.Or(labels["buffer"], "outbox"))
}

func poolOf(family string, labels map[string]string) string {
	switch {
	case strings.HasPrefix(family, "prefab_redis_pool_"):
		return "Redis"
	case labels["db_name"] == "replica":
		return "PostgreSQL, replica"
	}
	return "PostgreSQL"
}

func (n *node) countPool(family string, labels map[string]string, value float64) {
	if !strings.HasPrefix(family, "go_sql_") && !strings.HasPrefix(family, "prefab_redis_pool_") {
		return
	}
	p := entry(n.Pools, poolOf(family, labels))
	switch family {
	case "go_sql_in_use_connections":
		p.InUse += int(value)
	case "go_sql_idle_connections":
		p.Idle += int(value)
	case "go_sql_max_open_connections":
		p.Limit += int(value)
	case "prefab_redis_pool_connections":
		if labels["state"] == "idle" {
			p.Idle += int(value)
		} else {
			p.InUse += int(value)
		}
	case poolWaits, redisPoolTimeouts:
		p.Waits += uint64(value)
	}
}

// countDependency counts one worker's word on a dependency.
func (n *node) countDependency(name string, up int) {
	i := slices.IndexFunc(n.Dependencies, func(d Dependency) bool { return d.Name == name })
	if i < 0 {
		i, n.Dependencies = len(n.Dependencies), append(n.Dependencies, Dependency{Name: name})
	}
	n.Dependencies[i].Up += up
	n.Dependencies[i].Of++
}

func (n *node) countWorker(family string, labels map[string]string, value float64) {
	slot, err := strconv.Atoi(labels["worker"])
	if err != nil {
		return
	}
	i := slices.IndexFunc(n.Workers, func(w Worker) bool { return w.Slot == slot })
	if i < 0 {
		i, n.Workers = len(n.Workers), append(n.Workers, Worker{Slot: slot})
	}
	w := &n.Workers[i]
	switch family {
	case "process_resident_memory_bytes":
		w.Memory = value
	case "process_start_time_seconds":
		w.Started = time.UnixMilli(int64(value * 1000)).UTC()
	case "prefab_http_requests_in_flight":
		w.InFlight = int(value)
	}
}

// grow adds what a value grew by in the step of that age.
func (n *node) grow(route string, age int, s *series, value int, grown float64) {
	recent := age > 0 && age <= recentSteps // the newest step is not over
	switch s.family {
	case requestsTotal:
		name := routeOf(s.labels)
		c := counts{N: uint64(grown)}
		if isError(s.labels["status"]) {
			c.Errors = c.N
		}
		if recent {
			entry(n.Routes, name).Recent.add(c)
		}
		if route == "" || route == name {
			n.History[steps-1-age].add(c)
		}
		r := entry(n.Routes, name)
		if r.Spark == nil {
			r.Spark = make([]uint64, sparks)
		}
		r.Spark[sparks-1-age/sparkSteps] += c.N
	case requestDuration:
		name := routeOf(s.labels)
		n.Bounds = s.bounds
		if recent {
			entry(n.Routes, name).Recent.observe(s, value, grown)
		}
		if route == "" || route == name {
			n.History[steps-1-age].observe(s, value, grown)
		}
	default:
		if recent {
			n.growRecent(s, value, grown)
		}
	}
}

func (n *node) growRecent(s *series, value int, grown float64) {
	switch s.family {
	case queryDuration:
		n.SQL = s.bounds
		c := &entry(n.Statements, s.labels["query"]).Recent
		c.observe(s, value, grown)
		if value <= len(s.bounds) {
			c.N += uint64(grown)
		}
	case cacheLookups:
		entry(n.Tables, s.labels["table"]).Recent[s.labels["found"]] += uint64(grown)
	case limitedRequests:
		if s.labels["outcome"] == "denied" {
			entry(n.Limits, s.labels["limit"]).Recent += uint64(grown)
		}
	case deniedSignIns:
		entry(n.Limits, s.labels["name"]+" by "+s.labels["limit"]).Recent += uint64(grown)
	case poolWaits, redisPoolTimeouts:
		entry(n.Pools, poolOf(s.family, s.labels)).Rate += grown / n.Seconds
	case cpuSeconds:
		n.Info.CPU += grown / n.Seconds
	}
}

// take adds what the process in a slot has answered.
func (n *node) take(slot int, a Answer) {
	for _, call := range a.Calls {
		call.Node, call.Slot = n.Info.Name, slot
		n.Slow = append(n.Slow, call)
	}
	for _, told := range a.Jobs {
		told.Node = n.Info.Name
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
