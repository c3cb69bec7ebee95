package top

import (
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

// take keeps an answer. After an error the state before stays.
func (m *model) take(s console.State, err error, now time.Time) {
	if err == nil {
		m.state, m.seen, m.failure = s, now, ""
		m.keepRow()
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

// keepRow keeps the chosen row within what there is.
func (m *model) keepRow() {
	rows := 0
	for _, t := range sections[m.section].tables(m) {
		rows += len(t.rows)
	}
	m.row = max(0, min(m.row, rows-1))
}
