package main

import (
	"math"
	"strconv"
)

// plot is a picture of ratios: a bar for each, a mark for its target, on a logarithmic axis.
type plot struct {
	Height, Bottom float64
	Bars           []bar
	Ticks          []tick
}

type bar struct {
	Name                 string
	Y, From, Width, Mark float64
	Met                  bool
	Ratio, RatioAt       string
	Middle               float64
}

type tick struct {
	X    float64
	Text string
}

const (
	plotLeft, plotRight = 330.0, 760.0 // of the axis
	plotTop, barStep    = 46.0, 28.0
	lowest, highest     = 0.25, 64.0 // ratios
)

func across(ratio float64) float64 {
	share := math.Log(min(max(ratio, lowest), highest)/lowest) / math.Log(highest/lowest)
	return math.Round(plotLeft + share*(plotRight-plotLeft))
}

// newPlot draws the rows of which less is better.
func newPlot(rows []row) plot {
	p := plot{}
	y := plotTop
	for _, r := range rows {
		if r.AtLeast || r.Limit == 0 {
			continue
		}
		name := r.Scenario
		switch r.What {
		case p99.what:
			name += ", p99"
		case storesCPU.what:
			name += ", stores"
		}
		even, end := across(1), across(r.Ratio)
		p.Bars = append(p.Bars, bar{
			Name: name, Y: y, Middle: y + barStep/2, From: min(even, end), Width: max(math.Abs(end-even), 1),
			Mark: across(r.Limit), Met: r.Met, Ratio: strconv.FormatFloat(r.Ratio, 'f', 2, 64) + "×",
			RatioAt: strconv.FormatFloat(max(even, end, across(r.Limit))+8, 'f', 0, 64),
		})
		y += barStep
	}
	p.Bottom, p.Height = y, y+50
	for x := lowest; x <= highest; x *= 2 {
		p.Ticks = append(p.Ticks, tick{X: across(x), Text: strconv.FormatFloat(x, 'f', -1, 64)})
	}
	return p
}
