package dev

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"example.com/prefab/services/tracing"
)

// manyTimes is how often a request must send one statement to look like an N+1.
const manyTimes = 3

// summary is a request with what its events come to.
type summary struct {
	*record
	tracing.Kept
	Found    []foundIn
	Repeated []*repeat // at least manyTimes
}

// foundIn counts look-ups by where they found the value.
type foundIn struct {
	Where string
	Times int
}

// repeat is one text that a request has sent a number of times.
type repeat struct {
	Name, Query string
	Times       int
	Duration    time.Duration // of all
}

func summarize(r *record) summary {
	s := summary{record: r, Kept: r.events.Kept()}
	for _, l := range s.Lookups.List {
		i := slices.IndexFunc(s.Found, func(f foundIn) bool { return f.Where == l.Found })
		if i < 0 {
			i, s.Found = len(s.Found), append(s.Found, foundIn{Where: l.Found})
		}
		s.Found[i].Times++
	}
	byQuery := make(map[string]*repeat)
	for _, one := range s.Statements.List {
		if one.Name == "commit" { // of several transactions
			continue
		}
		if byQuery[one.Query] == nil {
			byQuery[one.Query] = &repeat{Name: one.Name, Query: one.Query}
			s.Repeated = append(s.Repeated, byQuery[one.Query])
		}
		byQuery[one.Query].Times++
		byQuery[one.Query].Duration += one.Duration
	}
	s.Repeated = slices.DeleteFunc(s.Repeated, func(r *repeat) bool { return r.Times < manyTimes })
	return s
}

// event is one row of a request's timeline.
type event struct {
	Kind             string // sql, cache or log
	Name, Note, Text string
	Start            time.Time
	After, Duration  time.Duration // After is since the request began
	X, Width         int           // thousandths of the whole line
	Warns            bool
}

// timeline merges the events by their beginnings.
func (s summary) timeline() (events []event) {
	for _, one := range s.Statements.List {
		events = append(events, event{
			Kind: "sql", Name: one.Name, Text: one.Query, Start: one.Start, Duration: one.Duration,
			Note:  fmt.Sprintf("%s, arguments: %d, rows: %d", one.Outcome, one.Args, one.Rows),
			Warns: one.Outcome != "ok" || slices.ContainsFunc(s.Repeated, func(r *repeat) bool { return r.Query == one.Query }),
		})
	}
	for _, l := range s.Lookups.List {
		events = append(events, event{
			Kind: "cache", Name: l.Table, Note: l.Found, Start: l.Start, Duration: l.Duration, Warns: l.Found == "error",
		})
	}
	for _, l := range s.Lines.List {
		events = append(events, event{
			Kind: "log", Name: l.Level.String(), Note: l.Message, Text: l.Attrs, Start: l.Time, Warns: l.Level >= slog.LevelWarn,
		})
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.Start.Compare(b.Start) })
	whole := max(s.Duration, 1) // a stream goes on after it
	for i := range events {
		events[i].After = events[i].Start.Sub(s.Start)
		whole = max(whole, events[i].After+events[i].Duration)
	}
	for i, e := range events {
		events[i].X, events[i].Width = max(0, int(1000*e.After/whole)), max(4, int(1000*e.Duration/whole))
	}
	return events
}
