package console

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Shown at most, so that neither a page nor a message grows without a bound.
const (
	maxStatements = 50
	maxCalls      = 50
)

// merge adds the nodes up. The first one is this node.
func merge(nodes []*node, route string, now time.Time) State {
	distinguish(nodes)
	all := emptyNode()
	all.Bounds, all.SQL, all.End = nodes[0].Bounds, nodes[0].SQL, nodes[0].End
	s := State{ // its lists are never null
		Time: now, Node: nodes[0].Info.Name, Routes: []Route{}, Slow: []Call{}, Cache: []Table{}, Pools: []Pool{},
		Queues: []Queue{}, Jobs: []Job{}, Statements: []Statement{}, Limits: []Limit{},
	}
	for _, n := range nodes {
		all.addNode(n)
		s.Nodes = append(s.Nodes, n.Info)
		s.Workers = append(s.Workers, n.Workers...)
		if n.Problem != "" {
			s.Problem = n.Problem
		}
	}
	slices.SortFunc(s.Nodes, func(a, b NodeInfo) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Workers, func(a, b Worker) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Slot, b.Slot))
	})
	s.Dependencies = dependencies(nodes)
	total := new(routeCounts)
	for name, r := range sorted(all.Routes) {
		total.Total.add(r.Total)
		total.Recent.add(r.Recent)
		total.Rate += r.Rate
		s.Routes = append(s.Routes, Route{name, r.traffic(all.Bounds), r.Spark})
	}
	s.Total = total.traffic(all.Bounds)
	slices.SortStableFunc(s.Routes, func(a, b Route) int {
		return cmp.Or(cmp.Compare(b.Rate, a.Rate), cmp.Compare(b.Requests, a.Requests))
	})
	s.History = History{
		Route: route, Step: step.Seconds(), End: time.Unix(0, all.End*int64(step)).UTC(),
		Points: points(all.History, all.Bounds),
	}
	s.Slow = append(s.Slow, all.Slow...)
	slices.SortFunc(s.Slow, func(a, b Call) int { return a.Since.Compare(b.Since) })
	s.Slow = s.Slow[:min(len(s.Slow), maxCalls)]
	for name, t := range sorted(all.Tables) {
		s.Cache = append(s.Cache, t.table(name))
	}
	for name, p := range sorted(all.Pools) {
		p.Name = name
		s.Pools = append(s.Pools, *p)
	}
	for name, q := range sorted(all.Queues) {
		q.Name = name
		s.Queues = append(s.Queues, *q)
	}
	for name, j := range sorted(all.Jobs) {
		j.Name = name
		s.Jobs = append(s.Jobs, *j)
	}
	for name, c := range sorted(all.Statements) {
		s.Statements = append(s.Statements, c.statement(name, all.SQL))
	}
	slices.SortStableFunc(s.Statements, func(a, b Statement) int {
		return cmp.Or(cmp.Compare(b.Load, a.Load), cmp.Compare(b.Total, a.Total))
	})
	s.Statements = s.Statements[:min(len(s.Statements), maxStatements)]
	for name, l := range sorted(all.Limits) {
		s.Limits = append(s.Limits, Limit{name, l.Total, l.Rate})
	}
	return s
}

// distinguish numbers the nodes of the same name, the oldest first, so that all consoles agree.
func distinguish(nodes []*node) {
	byAge := slices.Clone(nodes)
	slices.SortFunc(byAge, func(a, b *node) int { return a.Info.Started.Compare(b.Info.Started) })
	count := make(map[string]int)
	for _, n := range byAge {
		name := n.Info.Name
		if count[name]++; count[name] > 1 {
			n.Info.Name = fmt.Sprintf("%s (%d)", name, count[name])
		}
		n.sign()
	}
}

// sign puts the node's name on what it tells.
func (n *node) sign() {
	for i := range n.Workers {
		n.Workers[i].Node = n.Info.Name
	}
	for i := range n.Slow {
		n.Slow[i].Node = n.Info.Name
	}
	for _, job := range n.Jobs {
		if job.Name != "" { // else it has only been counted
			job.Node = n.Info.Name
		}
	}
}

// sorted yields the entries of m in the order of their keys.
func sorted[V any](m map[string]V) func(yield func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}

// addNode adds another node. Its counts are divided by its own time, since nodes differ in the
// time that they have run, and the rates are added.
func (n *node) addNode(other *node) {
	if n.Bounds == nil {
		n.Bounds = other.Bounds
	}
	if n.SQL == nil {
		n.SQL = other.SQL
	}
	for name, r := range other.Routes {
		to := entry(n.Routes, name)
		to.Total.add(r.Total)
		to.Recent.add(r.Recent)
		if to.Spark == nil {
			to.Spark = make([]uint64, sparks)
		}
		for i, requests := range r.Spark[:min(len(r.Spark), sparks)] {
			to.Spark[i] += requests
		}
		to.Rate += float64(r.Recent.N) / other.Seconds
	}
	for i, c := range other.History {
		if at := i + int(other.End-n.End); at >= 0 && at < steps { // their clocks tick apart
			n.History[at].add(c)
		}
	}
	for name, t := range other.Tables {
		to := n.table(name)
		for found, lookups := range t.Total {
			to.Total[found] += lookups
		}
		for found, lookups := range t.Recent {
			to.Recent[found] += lookups
			to.Rate += float64(lookups) / other.Seconds
		}
	}
	for name, c := range other.Statements {
		to := entry(n.Statements, name)
		to.Text = cmp.Or(to.Text, c.Text)
		to.Total.add(c.Total)
		to.Recent.add(c.Recent)
		to.Rate += float64(c.Recent.N) / other.Seconds
		to.Load += c.Recent.Seconds / other.Seconds
	}
	for name, l := range other.Limits {
		to := entry(n.Limits, name)
		to.Total += l.Total
		to.Rate += float64(l.Recent) / other.Seconds
	}
	for name, p := range other.Pools {
		to := entry(n.Pools, name)
		to.InUse += p.InUse
		to.Idle += p.Idle
		to.Limit += p.Limit
		to.Waits += p.Waits
		to.Rate += p.Rate
	}
	for name, q := range other.Queues { // each node tells of the same queue
		to := entry(n.Queues, name)
		to.Waiting, to.Oldest, to.Dead = max(to.Waiting, q.Waiting), max(to.Oldest, q.Oldest), max(to.Dead, q.Dead)
		if to.Letters == nil {
			to.Letters = q.Letters
		}
	}
	for name, job := range other.Jobs {
		to := entry(n.Jobs, name)
		runs, failures := to.Runs+job.Runs, to.Failures+job.Failures
		to.add(*job)
		to.Runs, to.Failures = runs, failures
	}
	n.Slow = append(n.Slow, other.Slow...)
}

func (r *routeCounts) traffic(bounds []float64) Traffic {
	t := Traffic{
		Requests: r.Total.N, Errors: r.Total.Errors, Rate: r.Rate,
		P50: r.Recent.percentile(.5, bounds), P95: r.Recent.percentile(.95, bounds), P99: r.Recent.percentile(.99, bounds),
	}
	if r.Recent.N > 0 {
		t.Failing = float64(r.Recent.Errors) / float64(r.Recent.N)
	}
	return t
}

func points(history []counts, bounds []float64) []Point {
	list := make([]Point, 0, steps)
	for _, c := range history {
		list = append(list, Point{
			Rate: float64(c.N) / step.Seconds(), Errors: float64(c.Errors) / step.Seconds(),
			P50: c.percentile(.5, bounds), P95: c.percentile(.95, bounds), P99: c.percentile(.99, bounds),
		})
	}
	return list[:steps-1] // the newest step is not over
}

func (t *tableCounts) table(name string) Table {
	table := Table{
		Name: name, Memory: t.Total["memory"], Redis: t.Total["redis"], Miss: t.Total["miss"], Stale: t.Total["stale"],
		Rate: t.Rate,
	}
	for _, lookups := range t.Recent {
		table.Recent += lookups
	}
	if table.Recent > 0 {
		table.HitL1 = float64(t.Recent["memory"]) / float64(table.Recent)
		table.HitL2 = float64(t.Recent["redis"]) / float64(table.Recent)
	}
	return table
}

func (c *statementCounts) statement(name string, bounds []float64) Statement {
	s := Statement{
		Name: name, Text: c.Text, Calls: c.Total.N, Errors: c.Total.Errors, Total: c.Total.Seconds,
		Rate: c.Rate, Load: c.Load, P95: c.Recent.percentile(.95, bounds),
	}
	if s.Calls > 0 {
		s.Mean = s.Total / float64(s.Calls)
	}
	return s
}

// dependencies tells which servers answer how many of the workers that have said so.
func dependencies(nodes []*node) (list []Dependency) {
	for _, n := range nodes {
		for _, d := range n.Dependencies {
			i := slices.IndexFunc(list, func(known Dependency) bool { return known.Name == d.Name })
			if i < 0 {
				i, list = len(list), append(list, Dependency{Name: d.Name})
			}
			list[i].Up += d.Up
			list[i].Of += d.Of
		}
	}
	slices.SortFunc(list, func(a, b Dependency) int { return cmp.Compare(a.Name, b.Name) })
	return list
}
