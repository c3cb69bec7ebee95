package top

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"example.com/prefab/app/console"
	"example.com/prefab/app/console/format"
)

// section is a part of the screen that a key shows.
type section struct {
	name   string
	tables func(*model) []table
}

var sections = []section{
	{"Routes", (*model).routes}, {"In flight", (*model).calls}, {"Workers", (*model).workers},
	{"Cache, pools", (*model).stores}, {"Queues, jobs", (*model).work}, {"SQL", (*model).statements},
}

// order is what routes are sorted by, the highest first.
type order struct {
	key, name string
	compare   func(a, b console.Route) int
}

var orders = []order{
	{"r", "rate", func(a, b console.Route) int {
		return cmp.Or(cmp.Compare(b.Rate, a.Rate), cmp.Compare(b.Requests, a.Requests))
	}},
	{"e", "errors", func(a, b console.Route) int {
		return cmp.Or(cmp.Compare(b.Failing, a.Failing), cmp.Compare(b.Errors, a.Errors))
	}},
	{"d", "duration (p95)", func(a, b console.Route) int { return cmp.Compare(b.P95, a.P95) }},
}

func (m *model) sorted() []console.Route {
	return slices.SortedStableFunc(slices.Values(m.state.Routes), orders[m.order].compare)
}

func (m *model) routes() []table {
	t := table{
		head: []string{"Route, by " + orders[m.order].name, "req/s", "failing", "p50", "p95", "p99", "requests", "errors"},
		none: "No requests yet.",
	}
	for _, r := range m.sorted() {
		t.add("", r.Name, format.Short(r.Rate), format.Share(r.Failing),
			format.Seconds(r.P50), format.Seconds(r.P95), format.Seconds(r.P99),
			format.Count(r.Requests), format.Count(r.Errors))
	}
	return []table{t}
}

func (m *model) calls() []table {
	t := table{head: []string{"Slow requests in flight", "for", "SQL", "worker", "node"}, none: "None is slow."}
	for _, c := range m.state.Slow {
		t.add("request "+c.ID, c.Route, since(c.Since, m.state.Time), c.SQL, c.Slot, c.Node)
	}
	return []table{t}
}

func (m *model) workers() []table {
	s := m.state
	workers := table{
		head: []string{"Worker", "state", "health", "in flight", "memory", "restarts", "up", "pid"},
		none: "None.",
	}
	for _, w := range s.Workers {
		note := w.Health
		if note == "ok" {
			note = ""
		}
		workers.add(note, fmt.Sprintf("%s, %d", w.Node, w.Slot), w.State, w.Health, w.InFlight, format.Size(w.Memory),
			w.Restarts, since(w.Started, s.Time), w.PID)
	}
	nodes := table{head: []string{"Node", "CPU cores", "up", "version"}, none: "None."}
	for _, n := range s.Nodes {
		nodes.add("", n.Name, fmt.Sprintf("%.2f", n.CPU), since(n.Started, s.Time), n.Version)
	}
	servers := table{head: []string{"Server", "answers"}, none: "None."}
	for _, d := range s.Dependencies {
		servers.add("", d.Name, fmt.Sprintf("%d of %d workers", d.Up, d.Of))
	}
	return []table{workers, nodes, servers}
}

func (m *model) stores() []table {
	cache := table{head: []string{"Cache", "look-ups/s", "in memory", "in Redis", "missed"}, none: "Not used yet."}
	for _, t := range m.state.Cache {
		if t.Recent == 0 {
			cache.add("", t.Name, format.Short(t.Rate), format.None, format.None, format.None)
			continue
		}
		cache.add("", t.Name, format.Short(t.Rate), format.Share(t.HitL1), format.Share(t.HitL2),
			format.Share(max(0, 1-t.HitL1-t.HitL2)))
	}
	pools := table{head: []string{"Connections to", "in use", "idle", "limit", "waits/s", "waits"}, none: "None."}
	for _, p := range m.state.Pools {
		limit := format.None
		if p.Limit > 0 {
			limit = strconv.Itoa(p.Limit)
		}
		pools.add("", p.Name, p.InUse, p.Idle, limit, format.Short(p.Rate), format.Count(p.Waits))
	}
	return []table{cache, pools}
}

func (m *model) work() []table {
	now := m.state.Time
	jobs := table{head: []string{"Job", "schedule", "began", "took", "next", "runs", "failures"}, none: "None."}
	for _, j := range m.state.Jobs {
		name := j.Name
		switch {
		case j.Running:
			name += " (runs)"
		case j.Error != "":
			name += " (failed)"
		}
		jobs.add(j.Error, name, j.Schedule, since(j.Last, now), format.Seconds(j.Took), format.Ago(j.Next, now),
			format.Count(j.Runs), format.Count(j.Failures))
	}
	queues := table{head: []string{"Queue", "waiting", "oldest", "dead"}, none: "None."}
	letters := table{head: []string{"Dead letter", "queue", "tried"}, none: "None."}
	for _, q := range m.state.Queues {
		queues.add("", q.Name, q.Waiting, format.Seconds(q.Oldest), q.Dead)
		for _, l := range q.Letters {
			letters.add(l.Error, l.About, q.Name, since(l.At, now))
		}
	}
	return []table{jobs, queues, letters}
}

func (m *model) statements() []table {
	t := table{head: []string{"SQL, by load", "load", "calls/s", "mean", "p95", "calls", "errors"}, none: "None yet."}
	for _, s := range m.state.Statements {
		t.add(s.Text, s.Name, format.Share(s.Load), format.Short(s.Rate), format.Seconds(s.Mean), format.Seconds(s.P95),
			format.Count(s.Calls), format.Count(s.Errors))
	}
	return []table{t}
}
