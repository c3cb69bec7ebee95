package console

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
)

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
		n.table(labels["table"]).Total[labels["found"]] += uint64(value)
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
