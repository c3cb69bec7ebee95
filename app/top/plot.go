package top

import "strings"

const bars = "▁▂▃▄▅▆▇█"

// plot draws values as bars, the newest at the right. A bar that stands for several values
// is as high as their highest, which it returns for all.
func plot(values []float64, width, height int) (lines []string, highest float64) {
	columns := make([]float64, width)
	for i := range columns {
		first, next := i*len(values)/width, (i+1)*len(values)/width
		for _, v := range values[first:min(len(values), max(first+1, next))] {
			columns[i] = max(columns[i], v)
		}
		highest = max(highest, columns[i])
	}
	steps := []rune(" " + bars)
	full := len(steps) - 1
	for y := height - 1; y >= 0; y-- {
		var text strings.Builder
		for _, v := range columns {
			filled := 0
			if v > 0 { // however little, it shows
				filled = max(1, int(v/highest*float64(height*full)))
			}
			text.WriteRune(steps[min(full, max(0, filled-y*full))])
		}
		lines = append(lines, text.String())
	}
	return lines, highest
}
