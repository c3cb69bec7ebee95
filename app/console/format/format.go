// Package format shows numbers to people. It promises a few digits with a unit, for each
// value: also for those that are not numbers, or that make no sense.
//
//	format.Seconds(0.0124)   // 12 ms
//	format.Share(0.0002)     // <0.1 %
//	format.Count(8_204_117)  // 8.2 M
package format

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// What texts are made of.
const (
	Space = "\u00a0" // between a number and its unit, where no line may break
	None  = "–"
)

// Short is a number in a few digits: 0.25, 1.2, 214, 3.4 k.
func Short(v float64) string {
	if math.IsInf(v, 0) {
		return None
	}
	return scaled(v, 1000, "", Space+"k", Space+"M", Space+"G", Space+"T", Space+"P", Space+"E")
}

// scaled is a number in the largest unit of which there is at least one.
func scaled(v, base float64, units ...string) string {
	for len(units) > 1 && v >= base-0.5 {
		v, units = v/base, units[1:]
	}
	return digits(v) + units[0]
}

func digits(v float64) string {
	switch {
	case !(v > 0): // also what is not a number
		return "0"
	case v < 0.005:
		return "<0.01"
	case v < 0.995:
		return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 2, 64), "0")
	case v < 9.95:
		return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// Rate is a number a second.
func Rate(v float64) string { return Short(v) + "/s" }

// Count is a number in full if it is short enough to be read.
func Count(n uint64) string {
	if n >= 1_000_000 {
		return Short(float64(n))
	}
	if n >= 1000 {
		return strconv.FormatUint(n/1000, 10) + "," + strconv.FormatUint(n%1000+1000, 10)[1:]
	}
	return strconv.FormatUint(n, 10)
}

// Size is a number of bytes.
func Size(bytes float64) string {
	if !(bytes > 0) || math.IsInf(bytes, 0) {
		return None
	}
	return scaled(bytes, 1024, Space+"B", Space+"KiB", Space+"MiB", Space+"GiB", Space+"TiB", Space+"PiB", Space+"EiB")
}

// Share is a share of 1, in percent.
func Share(share float64) string {
	switch {
	case !(share > 0):
		return "0" + Space + "%"
	case share < 0.001:
		return "<0.1" + Space + "%"
	case share >= 1:
		return "100" + Space + "%"
	}
	return strconv.FormatFloat(min(share*100, 99.9), 'f', 1, 64) + Space + "%"
}

// Seconds is a duration. None was measured if it is 0.
func Seconds(v float64) string {
	switch {
	case !(v > 0) || v > 1e10:
		return None
	case v < 0.0009995:
		return digits(v*1e6) + Space + "µs"
	case v < 0.9995:
		return digits(v*1e3) + Space + "ms"
	case v < 59.5:
		return digits(v) + Space + "s"
	}
	large, small := inUnits(int64(math.Round(v)))
	if strings.HasPrefix(small, "0") {
		return large
	}
	return large + Space + small
}

// inUnits is a duration in its largest unit, and what is left in the next one.
func inUnits(seconds int64) (large, small string) {
	part := func(n int64, unit string) string { return strconv.FormatInt(n, 10) + Space + unit }
	switch minutes := seconds / 60; {
	case minutes >= 24*60:
		return part(minutes/60/24, "d"), part(minutes/60%24, "h")
	case minutes >= 60:
		return part(minutes/60, "h"), part(minutes%60, "min")
	case minutes >= 1:
		return part(minutes, "min"), part(seconds%60, "s")
	}
	return part(seconds, "s"), ""
}

// Ago is how far a moment is from now, in its largest unit.
func Ago(t, now time.Time) string {
	if t.Unix() <= 0 {
		return None
	}
	text, _ := inUnits(int64(now.Sub(t).Abs().Seconds()))
	switch d := now.Sub(t); {
	case d >= time.Second:
		return text + " ago"
	case d <= -time.Second:
		return "in " + text
	}
	return "now"
}
