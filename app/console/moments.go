package console

import (
	"math"
	"slices"
	"time"
)

// moment is a point of a plot.
type moment struct {
	Point
	age float64 // in seconds
}

// moments are a history in parts of so many seconds. These begin at the same times whenever it
// is drawn, or the curves would tremble. A percentile is the average by requests, which is
// near enough for a plot.
func moments(h History, seconds float64) (all []moment) {
	var part, n, measured float64
	for i, p := range h.Points {
		age := float64(len(h.Points)-1-i) * h.Step
		here := math.Floor((float64(h.End.Unix()) - age) / seconds)
		if len(all) == 0 || here != part {
			all, part, n, measured = append(all, moment{}), here, 0, 0
		}
		m := &all[len(all)-1]
		m.age, n = age, n+1
		m.Rate += (p.Rate - m.Rate) / n
		m.Errors += (p.Errors - m.Errors) / n
		if p.P50 > 0 && p.Rate > 0 {
			measured += p.Rate
			m.P50 += (p.P50 - m.P50) * p.Rate / measured
			m.P95 += (p.P95 - m.P95) * p.Rate / measured
			m.P99 += (p.P99 - m.P99) * p.Rate / measured
		}
	}
	return all
}

// minute is a row of the plots' values in words.
type minute struct {
	At string
	Point
}

// minutes are the history's, the newest first.
func minutes(h History) (rows []minute) {
	for _, m := range slices.Backward(moments(h, 60)) {
		at := h.End.Add(-time.Duration(m.age * float64(time.Second)))
		rows = append(rows, minute{at.UTC().Format("15:04"), m.Point})
	}
	return rows[:min(len(rows), plotSeconds/60+1)]
}
