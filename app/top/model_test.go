package top

import (
	"slices"
	"strings"
	"testing"

	"example.com/prefab/app/console"
)

func TestPress(t *testing.T) {
	m := showing(sample())
	for _, c := range []struct {
		keys, want string // of the first line that begins with ">", or of the section's name
	}{
		{"e", "> GET /search"}, {"d", "> other"}, {"r", "> GET /carts/:id"},
		{"Down Down Up", "> POST /carts/:id/items"}, {"Down Enter", "[1 Routes]"}, {"Left", "[6 SQL]"},
		{"Right Right Tab", "[3 Workers]"}, {"6 ?", "1 to 6, Left, Right"}, {"?", "[6 SQL]"}, {"? 5", "> prune"},
		{"5 j j j j j k", "> send-mail"}, {"2 Up PgDn PgDn", "> GET /reports/:year"}, {"x", "> GET /reports/:year"},
		{"p", "PAUSED since 12:00:00"}, {"p", "12:00:00   q quit"},
	} {
		for key := range strings.FieldsSeq(c.keys) {
			if m.press(key) {
				t.Fatalf("%s quits", key)
			}
		}
		if text := textOf(m.lines(noon, 80, 24)); !strings.Contains(text, c.want) {
			t.Errorf("after %s there is no %q:\n%s", c.keys, c.want, text)
		}
	}
	if m.route != "GET /" {
		t.Errorf("the history is that of %q", m.route)
	}
	if m.press("Esc"); m.route != "" {
		t.Errorf("after Esc the history is that of %q", m.route)
	}
	if !m.press("q") || !m.press("Ctrl-C") {
		t.Error("it cannot be left")
	}
}

func TestPress_WithoutAnyState(t *testing.T) {
	for _, key := range []string{"Enter", "Down", "PgDn", "3", "Enter"} {
		m := &model{}
		if m.press(key); m.row != 0 || m.route != "" {
			t.Errorf("%s chooses the row %d of nothing", key, m.row)
		}
	}
}

func TestTake_KeepsTheRouteChosenThatOthersPass(t *testing.T) {
	m := showing(sample())
	m.press("Down")
	s := sample()
	s.Routes[4].Rate, s.Routes[5].Rate = 1000, 2000
	m.take(s, nil, noon)
	if text := textOf(m.lines(noon, 80, 24)); m.row != 3 || !strings.Contains(text, "\n> POST /carts/:id/items") {
		t.Errorf("row %d is chosen:\n%s", m.row, text)
	}
	s = sample()
	s.Routes = s.Routes[:1] // the chosen one has gone
	if m.take(s, nil, noon); m.row != 0 {
		t.Errorf("row %d is chosen", m.row)
	}
	if m.take(console.State{}, nil, noon); m.row != 0 {
		t.Errorf("row %d of none is chosen", m.row)
	}
}

func TestTake_KeepsTheRowWithinWhatThereIs(t *testing.T) {
	m := showing(sample())
	m.press("PgDn")
	s := sample()
	s.Routes = s.Routes[:2]
	m.take(s, nil, noon)
	if text := textOf(m.lines(noon, 80, 24)); !strings.Contains(text, "\n> "+s.Routes[1].Name) {
		t.Errorf("no row is chosen:\n%s", text)
	}
	if m.press("Enter"); m.row != 1 || m.route != s.Routes[1].Name {
		t.Errorf("row %d, %q", m.row, m.route)
	}
}

func TestPlot(t *testing.T) {
	for _, c := range []struct {
		values        []float64
		width, height int
		highest       float64
		want          []string
	}{
		{[]float64{0, 1, 2, 3, 4, 5, 6, 7, 8}, 9, 1, 8, []string{" ▁▂▃▄▅▆▇█"}},
		{[]float64{0, 4, 0, 0, 0, 8}, 3, 2, 8, []string{"  █", "█ █"}}, // the highest of two
		{[]float64{.001, 1000}, 2, 1, 1000, []string{"▁█"}},            // however little, it shows
		{[]float64{1, 2}, 4, 1, 2, []string{"▄▄██"}},
		{nil, 3, 2, 0, []string{"   ", "   "}},
		{[]float64{0, 0}, 2, 1, 0, []string{"  "}},
		{[]float64{1}, 0, 1, 0, []string{""}},
	} {
		if lines, highest := plot(c.values, c.width, c.height); !slices.Equal(lines, c.want) || highest != c.highest {
			t.Errorf("the plot of %v is %q, up to %v", c.values, lines, highest)
		}
	}
}
