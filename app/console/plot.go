package console

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The plots' units are those of their view box, which is 400 wide and 150 high.
const (
	plotLeft, plotRight  = 56.0, 394.0
	plotTop, plotBottom  = 10.0, 124.0
	plotSeconds          = 15 * 60
	sparkHeight, sparkDX = 15, 2
	sparkPoints          = 30
)

// plot is values over the last 15 minutes.
type plot struct {
	Key, Title string
	Newest     []named
	Lines      []line
	Area       string // what is filled; "": nothing
	Ticks      []tick
	Alt        string
}

type named struct{ Name, Text string }

type line struct{ Name, Path string }

type tick struct {
	Y    float64
	Text string
}

func plots(h History) []plot {
	return []plot{
		newPlot(h, "rate", "Requests", 1, rateText, curve{"", func(p Point) float64 { return p.Rate }, areas}),
		newPlot(h, "errors", "Errors", 1, rateText, curve{"", func(p Point) float64 { return p.Errors }, bars}),
		newPlot(h, "latency", "Latency", 0.01, secondsText,
			curve{"p50", func(p Point) float64 { return p.P50 }, lines},
			curve{"p95", func(p Point) float64 { return p.P95 }, lines},
			curve{"p99", func(p Point) float64 { return p.P99 }, lines}),
	}
}

// curve is a value of a point.
type curve struct {
	name string
	of   func(Point) float64
	kind kind
}

// kind is how a curve is drawn.
type kind int

const (
	areas kind = iota // a line, filled below
	bars              // one for each value but 0
	lines             // only a line, with gaps: 0 means that there is no value
)

// newPlot draws the curves on one axis, which reaches to least at least.
func newPlot(h History, key, title string, least float64, text func(float64) string, curves ...curve) plot {
	p := plot{Key: key, Title: title, Alt: title + " of the last 15 minutes:"}
	top := least
	for _, c := range curves {
		newest, highest := 0.0, 0.0
		for _, point := range h.Points {
			newest = c.of(point)
			highest = max(highest, newest)
		}
		top = max(top, highest)
		p.Newest = append(p.Newest, named{c.name, text(newest)})
		p.Alt += fmt.Sprintf(" %s %s, highest %s.", strings.TrimSpace(c.name+" now"), text(newest), text(highest))
	}
	top = roundUp(top)
	for _, c := range curves {
		path, filled := trace(h, c, top)
		p.Area = filled
		if path != "" {
			p.Lines = append(p.Lines, line{c.name, path})
		}
	}
	p.Ticks = []tick{{plotBottom, "0"}, {(plotTop + plotBottom) / 2, text(top / 2)}, {plotTop, text(top)}}
	return p
}

// roundUp is the next number that reads well on an axis.
func roundUp(v float64) float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 4, 6, 8} {
		if v <= n*power*(1+1e-9) {
			return n * power
		}
	}
	return 10 * power
}

// trace draws a curve, as attributes d of SVG paths: of a line, and of what is filled.
func trace(h History, c curve, top float64) (line, filled string) {
	var b strings.Builder
	inGap, first, last, bottom := true, "", "", coordinate(plotBottom)
	width := coordinate(max(h.Step/plotSeconds*(plotRight-plotLeft)*0.8, 0.5))
	for i, point := range h.Points {
		v, age := c.of(point), float64(len(h.Points)-1-i)*h.Step
		if !(v >= 0) || age > plotSeconds || c.kind != areas && v == 0 {
			inGap = true
			continue
		}
		x := coordinate(plotRight - age/plotSeconds*(plotRight-plotLeft))
		y := coordinate(plotBottom - min(v/top, 1)*(plotBottom-plotTop))
		switch {
		case c.kind == bars:
			b.WriteString("M" + x + " " + bottom + "V" + y + "h-" + width + "V" + bottom + "Z")
		case inGap:
			b.WriteString("M" + x + " " + y + "h0L" + x + " " + y) // a lone point is a dot
		default:
			b.WriteString(" " + x + " " + y)
		}
		inGap, first, last = false, cmp.Or(first, x), x
	}
	switch {
	case c.kind == bars:
		return "", b.String()
	case c.kind == lines || first == "":
		return b.String(), ""
	}
	return b.String(), b.String() + "L" + last + " " + bottom + "H" + first + "Z"
}

func coordinate(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}

// spark draws a route's requests, small and without a scale.
func spark(values []uint64) string {
	values = values[max(0, len(values)-sparkPoints):]
	var top uint64 = 1
	for _, v := range values {
		top = max(top, v)
	}
	path := []byte{'M'}
	for i, v := range values {
		x := (sparkPoints - len(values) + i) * sparkDX
		y := sparkHeight - int(math.Round(float64(v)/float64(top)*(sparkHeight-1)))
		path = append(strconv.AppendInt(path, int64(x), 10), ' ')
		path = append(strconv.AppendInt(path, int64(y), 10), ' ')
	}
	if len(values) == 0 {
		return ""
	}
	return string(path[:len(path)-1])
}

// minute is a row of the plots' values in words.
type minute struct {
	At string
	Point
}

// minutes are the history's newest first. A minute's percentiles are its worst.
func minutes(h History) (rows []minute) {
	if h.Step <= 0 {
		return nil
	}
	size := max(1, int(60/h.Step))
	for end := len(h.Points); end > 0 && len(rows) < plotSeconds/60; end -= size {
		points := h.Points[max(0, end-size):end]
		var m minute
		for _, p := range points {
			m.Rate += p.Rate / float64(len(points))
			m.Errors += p.Errors / float64(len(points))
			m.P50, m.P95, m.P99 = max(m.P50, p.P50), max(m.P95, p.P95), max(m.P99, p.P99)
		}
		at := h.End.Add(-time.Duration(float64(len(h.Points)-end) * h.Step * float64(time.Second)))
		m.At = at.UTC().Format("15:04:05")
		rows = append(rows, m)
	}
	return rows
}
