package top

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/clipperhouse/displaywidth"
)

// line is a line of the screen, and how it looks. No meaning is in its look alone.
type line struct {
	text string
	look look
}

type look int

const (
	plain look = iota
	bold
	faint
	good
	bad
	chosen
)

const maxText = 2000 // bytes of one text that are looked at

// clean replaces what a terminal would execute or not show, and makes one line of a text.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text[:min(len(text), maxText)])
	return strings.Join(strings.Fields(text), " ")
}

// cut shortens a clean text to a width.
func cut(text string, width int) string {
	if width < 1 {
		return ""
	}
	return displaywidth.TruncateString(text, width, "…")
}

// pad brings a clean text to a width. With right it stands at the right end.
func pad(text string, width int, right bool) string {
	text = cut(text, width)
	space := strings.Repeat(" ", max(0, width-displaywidth.String(text)))
	if right {
		return space + text
	}
	return text + space
}

// wrap puts clean parts into lines, and ends after so many.
func wrap(parts []string, between string, width, atMost int) (lines []string) {
	for _, part := range parts {
		last := len(lines) - 1
		if last >= 0 && displaywidth.String(lines[last]+between+part) <= width {
			lines[last] += between + part
			continue
		}
		if len(lines) == atMost {
			lines[last] = cut(lines[last]+between+part, width)
			break
		}
		lines = append(lines, cut(part, width))
	}
	return lines
}

func number(n float64) string {
	switch {
	case n < 10 && n != math.Trunc(n):
		return fmt.Sprintf("%.1f", n)
	case n < 1e4:
		return fmt.Sprintf("%.0f", n)
	case n < 1e6:
		return fmt.Sprintf("%.0fk", n/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1fM", n/1e6)
	}
	return fmt.Sprintf("%.1fG", n/1e9)
}

func percent(share float64) string {
	if share > 0 && share < .001 {
		return "<0.1%"
	}
	return fmt.Sprintf("%.1f%%", share*100)
}

// seconds shows a duration, of which 0 means that there is none.
func seconds(s float64) string {
	switch {
	case s <= 0:
		return "-"
	case s < .01:
		return fmt.Sprintf("%.1fms", s*1e3)
	case s < 1:
		return fmt.Sprintf("%.0fms", s*1e3)
	case s < 60:
		return fmt.Sprintf("%.1fs", s)
	case s < 3600:
		return fmt.Sprintf("%.0fm", s/60)
	case s < 86400:
		return fmt.Sprintf("%.0fh", s/3600)
	}
	return fmt.Sprintf("%.0fd", s/86400)
}

// since shows how long ago something was. The zero time is never.
func since(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return seconds(math.Max(.001, now.Sub(t).Seconds()))
}

func mebibytes(n float64) string { return fmt.Sprintf("%.0f MiB", n/(1<<20)) }
