package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/prefab/app/console/format"
)

// What the console calls trouble.
const (
	maxCauses     = 8    // are listed
	failingWarn   = 0.01 // the share of requests that fail
	failingBad    = 0.05
	failingLeast  = 3               // so many errors in a minute are no accident
	recently      = 5 * time.Minute // a worker's restart
	silentAfter   = 15 * time.Second
	oldestWarn    = 300.0 // seconds that work waits in a queue
	poolWaitsWarn = 1.0   // a second
)

// level is how bad something is; it is a CSS class, too.
type level string

const (
	good level = "good"
	warn level = "warn"
	bad  level = "bad"
)

// verdict is the state of the service in a few words.
type verdict struct {
	Level  level
	Word   string
	Causes causes // the worst first
	Facts  string
}

// cause is why not all is well, and the section that tells more.
type cause struct {
	Level         level
	Section, Text string
}

type causes []cause

func (c *causes) add(l level, section, format string, args ...any) {
	*c = append(*c, cause{l, section, fmt.Sprintf(format, args...)})
}

func judge(s State) verdict {
	var all causes
	if s.Problem != "" {
		all.add(warn, "workers", "%s", strings.TrimSuffix(s.Problem, "."))
	}
	all.ofDependencies(s)
	all.ofWorkers(s)
	all.ofTraffic(s.Total)
	all.ofWork(s)
	slices.SortStableFunc(all, func(a, b cause) int { return cmp.Compare(a.Level, b.Level) }) // bad, warn
	v := verdict{Level: good, Word: "All well", Causes: all, Facts: facts(s)}
	if len(all) > 0 {
		v.Level, v.Word = all[0].Level, "Attention"
	}
	if v.Level == bad {
		v.Word = "Trouble"
	}
	if more := len(all) - maxCauses; more > 0 {
		next := all[maxCauses]
		v.Causes = all[:maxCauses]
		v.Causes.add(next.Level, next.Section, "%d more", more)
	}
	return v
}

func (c *causes) ofDependencies(s State) {
	known := len(*c)
	for _, d := range s.Dependencies {
		switch {
		case d.Up >= d.Of:
		case d.Up == 0:
			c.add(bad, "workers", "%s does not answer", d.Name)
		default:
			c.add(bad, "workers", "%s answers only %d of %d workers", d.Name, d.Up, d.Of)
		}
	}
	if len(*c) > known {
		return // the workers' health says the same
	}
	for _, w := range s.Workers {
		if w.State == "ready" && w.Health != "ok" && w.Health != "" {
			c.add(warn, "workers", "%s says: %s", nameOf(w, s), w.Health)
		}
	}
}

func (c *causes) ofWorkers(s State) {
	if len(s.Workers) == 0 {
		c.add(warn, "workers", "no worker has told its state")
	}
	for _, n := range s.Nodes {
		if silent := s.Time.Sub(n.Seen); silent > silentAfter && !n.Seen.IsZero() {
			c.add(bad, "workers", "node %s has told nothing for %s", n.Name, format.Seconds(silent.Seconds()))
		}
	}
	for _, w := range s.Workers {
		switch {
		case stateLevel(w.State) == bad:
			c.add(bad, "workers", "%s is down, after %s", nameOf(w, s), plural(w.Restarts, "restart"))
		case stateLevel(w.State) == warn:
			c.add(warn, "workers", "%s is %s", nameOf(w, s), w.State)
		case w.Restarts > 0 && s.Time.Sub(w.Started) < recently:
			c.add(warn, "workers", "%s restarted %s", nameOf(w, s), format.Ago(w.Started, s.Time))
		}
	}
}

func stateLevel(state string) level {
	switch state {
	case "ready":
		return good
	case "down":
		return bad
	}
	return warn
}

func nameOf(w Worker, s State) string {
	name := fmt.Sprintf("worker %d", w.Slot)
	if len(s.Nodes) > 1 {
		name += " of " + w.Node
	}
	return name
}

func (c *causes) ofTraffic(t Traffic) {
	if l := failingLevel(t); l != good {
		c.add(l, "routes", "%s of the requests fail", format.Share(t.Failing))
	}
}

func failingLevel(t Traffic) level {
	switch {
	case t.Failing < failingWarn || t.Failing*t.Rate*60 < failingLeast:
		return good
	case t.Failing < failingBad:
		return warn
	}
	return bad
}

func (c *causes) ofWork(s State) {
	for _, p := range s.Pools {
		if p.Rate >= poolWaitsWarn {
			c.add(warn, "pools", "requests wait for a connection to %s, %s", p.Name, format.Rate(p.Rate))
		}
	}
	for _, q := range s.Queues {
		if q.Dead > 0 {
			c.add(warn, "queues", "%s in %s", plural(q.Dead, "dead letter"), q.Name)
		}
		if q.Oldest >= oldestWarn {
			c.add(warn, "queues", "work in %s has waited for %s", q.Name, format.Seconds(q.Oldest))
		}
	}
	for _, j := range s.Jobs {
		if j.Error != "" {
			c.add(warn, "jobs", "job %s failed", j.Name)
		}
	}
}

func facts(s State) string {
	ready := 0
	for _, w := range s.Workers {
		if w.State == "ready" {
			ready++
		}
	}
	text := fmt.Sprintf("%d of %s on %s, %s requests/s, %s errors", ready, plural(len(s.Workers), "worker"),
		plural(len(s.Nodes), "node"), format.Short(s.Total.Rate), format.Share(s.Total.Failing))
	if s.Total.P95 > 0 {
		text += ", p95" + format.Space + format.Seconds(s.Total.P95)
	}
	return text
}

func plural(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return format.Count(uint64(max(n, 0))) + " " + word
}
