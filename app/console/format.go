package console

import (
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	space = "\u00a0" // between a number and its unit, where no line may break
	none  = "–"
)

// shortText is a number in a few digits: 0.25, 1.2, 214, 3.4 k.
func shortText(v float64) string {
	if math.IsInf(v, 0) {
		return none
	}
	return scaled(v, 1000, "", space+"k", space+"M", space+"G", space+"T", space+"P", space+"E")
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

func rateText(v float64) string { return shortText(v) + "/s" }

// countText is a number in full if it is short enough to be read.
func countText(n uint64) string {
	if n >= 1_000_000 {
		return shortText(float64(n))
	}
	if n >= 1000 {
		return strconv.FormatUint(n/1000, 10) + "," + strconv.FormatUint(n%1000+1000, 10)[1:]
	}
	return strconv.FormatUint(n, 10)
}

func sizeText(bytes float64) string {
	if !(bytes > 0) || math.IsInf(bytes, 0) {
		return none
	}
	return scaled(bytes, 1024, space+"B", space+"KiB", space+"MiB", space+"GiB", space+"TiB", space+"PiB", space+"EiB")
}

func shareText(share float64) string {
	switch {
	case !(share > 0):
		return "0" + space + "%"
	case share < 0.001:
		return "<0.1" + space + "%"
	case share >= 1:
		return "100" + space + "%"
	}
	return strconv.FormatFloat(min(share*100, 99.9), 'f', 1, 64) + space + "%"
}

// secondsText is a duration. None was measured if it is 0.
func secondsText(v float64) string {
	switch {
	case !(v > 0) || v > 1e10:
		return none
	case v < 0.0009995:
		return digits(v*1e6) + space + "µs"
	case v < 0.9995:
		return digits(v*1e3) + space + "ms"
	case v < 59.5:
		return digits(v) + space + "s"
	}
	large, small := inUnits(int64(math.Round(v)))
	if strings.HasPrefix(small, "0") {
		return large
	}
	return large + space + small
}

// inUnits is a duration in its largest unit, and what is left in the next one.
func inUnits(seconds int64) (large, small string) {
	part := func(n int64, unit string) string { return strconv.FormatInt(n, 10) + space + unit }
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

// agoText is how far a moment is from now, in its largest unit.
func agoText(t, now time.Time) string {
	if t.Unix() <= 0 {
		return none
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
