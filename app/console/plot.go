package console

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"example.com/prefab/app/console/format"
)

// The plots' units are those of their view box, which is 400 wide and 150 high.
const (
	plotLeft, plotRight  = 56.0, 394.0
	plotTop, plotBottom  = 10.0, 124.0
	plotSeconds          = 15 * 60
	drawnSeconds         = 10 // that a point stands for: less shows noise
	sparkHeight, sparkDX = 15, 2
	sparkPoints          = 30
	barWidth             = "3"
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
	all := moments(h, drawnSeconds)
	return []plot{
		newPlot(all, "rate", "Requests", 1, format.Rate, curve{"", func(p Point) float64 { return p.Rate }, areas}),
		newPlot(all, "errors", "Errors", 1, format.Rate, curve{"", func(p Point) float64 { return p.Errors }, bars}),
		newPlot(all, "latency", "Latency", 0.01, format.Seconds,
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
func newPlot(all []moment, key, title string, least float64, text func(float64) string, curves ...curve) plot {
	p := plot{Key: key, Title: title, Alt: title + " of the last 15 minutes:"}
	top := least
	for _, c := range curves {
		newest, highest := 0.0, 0.0
		for _, m := range all {
			newest = c.of(m.Point)
			highest = max(highest, newest)
		}
		top = max(top, highest)
		p.Newest = append(p.Newest, named{c.name, text(newest)})
		p.Alt += fmt.Sprintf(" %s %s, highest %s.", strings.TrimSpace(c.name+" now"), text(newest), text(highest))
	}
	top = roundUp(top)
	for _, c := range curves {
		path, filled := trace(all, c, top)
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
func trace(all []moment, c curve, top float64) (line, filled string) {
	var b strings.Builder
	inGap, first, last, bottom := true, "", "", coordinate(plotBottom)
	for _, m := range all {
		v := c.of(m.Point)
		if !(v >= 0) || m.age > plotSeconds || c.kind != areas && v == 0 {
			inGap = true
			continue
		}
		x := coordinate(plotRight - m.age/plotSeconds*(plotRight-plotLeft))
		y := coordinate(plotBottom - min(v/top, 1)*(plotBottom-plotTop))
		switch {
		case c.kind == bars:
			b.WriteString("M" + x + " " + bottom + "V" + y + "h-" + barWidth + "V" + bottom + "Z")
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
