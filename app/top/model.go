package top

import (
	"slices"
	"time"

	"example.com/prefab/app/console"
)

// model is what the screen shows.
type model struct {
	address string
	state   console.State
	seen    time.Time // when it came; zero: not yet
	failure string    // why the service does not answer; empty: it does
	silent  time.Time // since when

	section, order, row int
	route               string // whose history is plotted; empty: of all
	paused, help        bool
}

// take keeps an answer. After an error the state before stays. The chosen row stays chosen
// where others pass it.
func (m *model) take(s console.State, err error, now time.Time) {
	if err == nil {
		before := m.rows()
		m.state, m.seen, m.failure = s, now, ""
		m.follow(before, m.rows())
		return
	}
	if m.failure == "" {
		m.silent = now
	}
	m.failure = err.Error()
}

const page = 10 // rows

// press does what a key is for, and reports whether it ends the program.
func (m *model) press(key string) (quit bool) {
	switch key {
	case "q", "Ctrl-C":
		return true
	case "?":
		m.help = !m.help
		return false
	case "p":
		m.paused = !m.paused
	case "1", "2", "3", "4", "5", "6":
		m.section, m.row = int(key[0]-'1'), 0
	case "Left", "Right", "Tab":
		step := 1
		if key == "Left" {
			step = len(sections) - 1
		}
		m.section, m.row = (m.section+step)%len(sections), 0
	case "Up", "k":
		m.row--
	case "Down", "j":
		m.row++
	case "PgUp":
		m.row -= page
	case "PgDn":
		m.row += page
	case "Enter":
		if routes := m.sorted(); m.section == 0 && m.row < len(routes) {
			m.route = routes[m.row].Name
		}
	case "Esc":
		m.route = ""
	}
	for i, o := range orders {
		if key == o.key {
			m.section, m.order, m.row = 0, i, 0
		}
	}
	m.help = false
	m.keepRow()
	return false
}

// rows are those of the section.
func (m *model) rows() (rows []row) {
	for _, t := range sections[m.section].tables(m) {
		rows = append(rows, t.rows...)
	}
	return rows
}

// follow finds the chosen row among the newer ones. The first row is where nobody has chosen.
func (m *model) follow(before, rows []row) {
	isChosen := func(r row) bool { return r.cells[0] == before[m.row].cells[0] }
	if m.row > 0 && (m.row >= len(rows) || !isChosen(rows[m.row])) {
		if i := slices.IndexFunc(rows, isChosen); i >= 0 {
			m.row = i
		}
	}
	m.keepRow()
}

// keepRow keeps the chosen row within what there is.
func (m *model) keepRow() { m.row = max(0, min(m.row, len(m.rows())-1)) }
