package top

import (
	"strings"
	"time"
	"unicode"

	"github.com/clipperhouse/displaywidth"

	"example.com/prefab/app/console/format"
)

// line is a line of the screen, and its style, which alone means nothing.
type line struct {
	text  string
	style style
}

type style int

const (
	plain style = iota
	bold
	faint
	good
	bad
	chosen
)

// printable replaces what a terminal would execute or not show.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
}

const maxText = 2000 // bytes of one text that are shown

// clean makes one printable line of a text.
func clean(text string) string {
	return strings.Join(strings.Fields(printable(text[:min(len(text), maxText)])), " ")
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

// wrap puts parts into lines, and ends after so many.
func wrap(parts []string, between string, width, atMost int) (lines []string) {
	for _, part := range parts {
		part = clean(part)
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

// since is how long ago something was.
func since(t, now time.Time) string {
	return strings.TrimSuffix(format.Ago(t, now), " ago")
}
