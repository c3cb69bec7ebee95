package top

import (
	"fmt"
	"time"

	"github.com/clipperhouse/displaywidth"

	"example.com/prefab/app/console/format"
)

const plotMinimum = 60 // columns, for two plots beside each other

var help = []string{
	"1 to 6, Left, Right   show another section",
	"Up, Down, PgUp, PgDn  choose a row; of SQL, jobs and letters it shows the text",
	"r, e, d               sort routes by rate, errors, duration",
	"Enter, Esc            show the chosen route's history; that of all",
	"p                     pause, and go on",
	"q, Ctrl-C             quit",
	"",
	"Rates, shares and percentiles are those of the last minute.",
	"Nothing can be changed here: that is on the page /ops of the same address.",
}

// lines returns what fills a screen of that size.
func (m *model) lines(now time.Time, width, height int) (lines []line) {
	lines = m.status(now, width)
	if !m.seen.IsZero() || m.help {
		if height >= 10 {
			lines = append(lines, m.totals(width)...)
		}
		if height >= 20 {
			lines = append(lines, line{})
			lines = append(lines, m.history(width, max(3, height/6))...)
			lines = append(lines, line{})
		}
		lines = append(lines, m.tabs(width))
	}
	var foot []line
	if height >= 8 {
		foot = append(foot, m.foot(now, width))
	}
	room := height - len(lines) - len(foot)
	lines = append(lines, m.body(width, max(0, room))...)
	for len(lines) < height-len(foot) {
		lines = append(lines, line{})
	}
	lines = append(lines[:max(0, height-len(foot))], foot...)
	for i := range lines { // whatever was forgotten above
		lines[i].text = cut(printable(lines[i].text), width)
	}
	return lines
}

// body is the section, scrolled so that the chosen row is there.
func (m *model) body(width, height int) (lines []line) {
	if m.help {
		for _, text := range help {
			lines = append(lines, line{text: text})
		}
		return lines[:min(len(lines), height)]
	}
	if m.seen.IsZero() {
		return nil
	}
	lines, at := layOut(sections[m.section].tables(m), width, m.row)
	if m.row == 0 {
		at = 0
	}
	first := max(0, min(at-height/2, len(lines)-height))
	return lines[first:min(len(lines), first+height)]
}

func (m *model) tabs(width int) line {
	names := make([]string, 0, len(sections))
	for i, s := range sections {
		name := fmt.Sprintf("%d %s", i+1, s.name)
		if i == m.section {
			name = "[" + name + "]"
		}
		names = append(names, name)
	}
	if text := wrap(names, "  ", width, 1)[0]; displaywidth.String(text) < width {
		return line{text, plain}
	}
	return line{names[m.section], plain}
}

// history plots the last minutes.
func (m *model) history(width, height int) (lines []line) {
	h := m.state.History
	rates, p95s := make([]float64, 0, len(h.Points)), make([]float64, 0, len(h.Points))
	for _, p := range h.Points {
		rates, p95s = append(rates, p.Rate), append(p95s, p.P95)
	}
	of := "all routes"
	if h.Route != "" {
		of = h.Route
	}
	minutes := fmt.Sprintf("%.0f min", h.Step*float64(len(h.Points))/60)
	if width < plotMinimum {
		bars, highest := plot(rates, width, height)
		return append([]line{{"requests/s, up to " + format.Short(highest) + ", " + of, faint}}, asLines(bars)...)
	}
	half := (width - 3) / 2
	left, highest := plot(rates, half, height)
	right, slowest := plot(p95s, half, height)
	rate := pad(clean("requests/s, up to "+format.Short(highest)+", "+of), half, false)
	lines = append(lines, line{rate + "   p95, up to " + format.Seconds(slowest) + ", last " + minutes, faint})
	for i := range left {
		lines = append(lines, line{text: left[i] + "   " + right[i]})
	}
	return lines
}

func asLines(texts []string) (lines []line) {
	for _, text := range texts {
		lines = append(lines, line{text: text})
	}
	return lines
}

func (m *model) foot(now time.Time, width int) line {
	text := now.Format(time.TimeOnly)
	if m.paused {
		text = "PAUSED since " + m.seen.Format(time.TimeOnly) + ", p goes on"
	}
	keys := []string{text, "q quit", "? help", "p pause"}
	switch {
	case m.seen.IsZero(): // there is nothing to choose from
	case m.route != "":
		keys = append(keys, "r/e/d sort", "Esc all routes")
	case m.section == 0:
		keys = append(keys, "r/e/d sort", "Enter history")
	}
	return line{wrap(keys, "   ", width, 1)[0], faint}
}
