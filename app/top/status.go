package top

import (
	"strconv"
	"strings"
	"time"

	"example.com/prefab/app/console/format"
)

const statusLines = 3

// status is the first of all: is the service well?
func (m *model) status(now time.Time, width int) (lines []line) {
	word, causes, _ := m.state.InWords()
	says, style := word+": "+strings.Join(causes, "; ")+".", bad
	switch {
	case m.failure != "":
		says = "No answer since " + m.silent.Format(time.TimeOnly) + " (" + format.Ago(m.silent, now) + ")"
		if !m.seen.IsZero() {
			says += "; what is shown is of " + m.seen.Format(time.TimeOnly)
		}
		says += ". " + m.failure
	case m.seen.IsZero():
		says, style = "Asking "+m.address+" ...", plain
	case len(causes) == 0:
		says, style = word+".", good
	}
	for _, text := range wrap(strings.Fields(clean(says)), " ", width, statusLines) {
		lines = append(lines, line{text, style})
	}
	return lines
}

// totals are those of the whole service.
func (m *model) totals(width int) (lines []line) {
	_, _, facts := m.state.InWords()
	t, inFlight, hits, lookups := m.state.Total, 0, 0., 0.
	for _, w := range m.state.Workers {
		inFlight += w.InFlight
	}
	for _, c := range m.state.Cache {
		hits += (c.HitL1 + c.HitL2) * float64(c.Recent)
		lookups += float64(c.Recent)
	}
	more := []string{"p50 " + format.Seconds(t.P50), "p99 " + format.Seconds(t.P99), strconv.Itoa(inFlight) + " in flight"}
	if lookups > 0 {
		more = append(more, format.Share(hits/lookups)+" cache hits")
	}
	more = append(more, format.Count(t.Requests)+" in all")
	lines = []line{{text: cut(clean(facts), width)}}
	for _, text := range wrap(more, "   ", width, 1) {
		lines = append(lines, line{text: text})
	}
	return lines
}
