package top

import (
	"fmt"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// table is a part of a section. Its first column gets what the others leave, at most.
type table struct {
	head []string
	rows []row
	none string // what an empty one says
}

// add adds a row. A note is shown below it while it is chosen.
func (t *table) add(note string, cells ...any) {
	r := row{note: clean(note)}
	for _, c := range cells {
		r.cells = append(r.cells, clean(fmt.Sprint(c)))
	}
	t.rows = append(t.rows, r)
}

// row holds clean texts.
type row struct {
	cells []string
	note  string
}

const all = -1 // instead of a row that is chosen: the notes of all rows are shown

const (
	minFirst  = 14 // or two fifths: columns at the right are left out before the first one gets narrower
	maxOther  = 24 // columns wide
	noteLines = 4
)

// layOut returns the lines of tables, and which line is that of the chosen row.
func layOut(tables []table, width, choice int) (lines []line, at int) {
	n := 0
	for i, t := range tables {
		if i > 0 {
			lines = append(lines, line{})
		}
		widths := t.widths(width)
		lines = append(lines, line{t.line(t.head, widths), bold})
		if len(t.rows) == 0 {
			lines = append(lines, line{cut("  "+t.none, width), faint})
		}
		for _, r := range t.rows {
			l := line{text: t.line(r.cells, widths)}
			if n == choice {
				at, l = len(lines), line{">" + l.text[1:], chosen}
			}
			lines = append(lines, l)
			if n == choice || choice == all {
				for _, note := range wrap(strings.Fields(r.note), " ", width-4, noteLines) {
					lines = append(lines, line{"    " + note, faint})
				}
			}
			n++
		}
	}
	return lines, at
}

// widths returns those of the columns that there is room for.
func (t table) widths(width int) (widths []int) {
	left := width - 2 // the mark of the chosen row
	for i, title := range t.head {
		needed := displaywidth.String(title)
		for _, r := range t.rows {
			needed = max(needed, displaywidth.String(r.cells[i]))
		}
		if i > 0 {
			needed = min(needed, maxOther)
			if left -= needed + 2; left < min(widths[0], max(minFirst, width*2/5)) {
				left += needed + 2
				break
			}
		}
		widths = append(widths, needed)
	}
	widths[0] = min(widths[0], left)
	return widths
}

func (t table) line(cells []string, widths []int) string {
	var text strings.Builder
	for i, w := range widths {
		text.WriteString("  " + pad(cells[i], w, i > 0))
	}
	return text.String()
}
