package top

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/clipperhouse/displaywidth"

	"example.com/prefab/app/console"
)

func showing(s console.State) *model {
	m := &model{address: "127.0.0.1:3001"}
	m.take(s, nil, noon)
	return m
}

func textOf(lines []line) string {
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(strings.TrimRight(l.text, " ") + "\n")
	}
	return text.String()
}

func notPrintable(r rune) bool { return !unicode.IsPrint(r) }

func TestLines_FillEachSizeWithPrintableCharacters(t *testing.T) {
	failing := showing(hostileSample())
	failing.take(console.State{}, errors.New(hostile), noon)
	models := map[string]*model{
		"well": showing(sample()), "hostile": showing(hostileSample()), "failing": failing, "empty": showing(console.State{}),
		"asking": {address: hostile}, "helping": {help: true},
	}
	for _, size := range [][2]int{{80, 24}, {200, 50}, {20, 5}, {59, 20}, {1, 1}, {3, 40}, {0, 0}} {
		for name, m := range models {
			for m.section = range sections {
				lines := m.lines(noon, size[0], size[1])
				if len(lines) != size[1] {
					t.Errorf("%s in %v, section %d, has %d lines", name, size, m.section, len(lines))
				}
				for _, l := range lines {
					if displaywidth.String(l.text) > size[0] || strings.ContainsFunc(l.text, notPrintable) {
						t.Errorf("%s in %v, section %d, has the line %q", name, size, m.section, l.text)
					}
				}
			}
		}
	}
}

func TestLines_SayFirstHowTheServiceIs(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {200, 50}, {20, 5}} {
		text := textOf(showing(sample()).lines(noon, size[0], size[1]))
		if !strings.HasPrefix(text, "All well.\n") || !strings.Contains(text, "> GET /carts/:id") {
			t.Errorf("in %v:\n%s", size, text)
		}
	}
	s := sample()
	s.Dependencies[1].Up = 3
	s.Jobs[0].Error = "no space left"
	text := textOf(showing(s).lines(noon, 80, 24))
	if !strings.HasPrefix(text, "Trouble: Redis answers only 3 of 4 workers; job prune failed.\n") {
		t.Errorf("in trouble:\n%s", text)
	}
}

func TestLines_KeepThePictureWhileTheServiceIsSilent(t *testing.T) {
	m := showing(sample())
	for _, after := range []string{"first", "second"} {
		m.take(console.State{}, errors.New(after), noon.Add(2e9))
	}
	text := textOf(m.lines(noon.Add(42e9), 80, 24))
	for _, want := range []string{"No answer since 12:00:02 (40 s ago); what is shown is of 12:00:00. second\n", "GET /carts/:id"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	m.take(sample(), nil, noon)
	if text := textOf(m.lines(noon, 80, 24)); !strings.HasPrefix(text, "All well.") {
		t.Errorf("when it answers again:\n%s", text)
	}
}

func TestLines_OfEachSection(t *testing.T) {
	m := showing(sample())
	for i, wants := range [][]string{
		{"p95 18 ms", "96.0 % cache hits", "POST /carts/:id/items    267      0 %  2 ms  20 ms  40 ms       5 M       0", "up to 22 ms, last 15 min"},
		{"GET /reports/:year       4 s   31       1  web1:4711", "    request 4bf92f3577b34da6a3ce929d0e0e4736"},
		{"web2:812, 1   ready      ok          3  181 MiB", "PostgreSQL  4 of 4 workers"},
		{"carts         900     81.0 %    14.0 %   5.0 %", "PostgreSQL           7    13     80"},
		{"prune              @hourly  12 min  420 ms  in 48 min", "send-mail (runs)", "outbox        3   1.2 s     0"},
		{"carts.get     31.0 %      212  1.4 ms", "    -- name: carts.get SELECT id, owner, items FROM carts WHERE id = $1"},
	} {
		m.press(fmt.Sprint(i + 1))
		text := textOf(m.lines(noon, 80, 24))
		for _, want := range append(wants, fmt.Sprintf("[%d %s]", i+1, sections[i].name)) {
			if !strings.Contains(text, want) {
				t.Errorf("section %d has no %q:\n%s", i+1, want, text)
			}
		}
	}
}

func TestLines_ShowALongRouteRatherThanItsLastColumns(t *testing.T) {
	s := sample()
	s.Routes[0].Name = "GET /api/v1/carts/:id/discounts"
	text := textOf(showing(s).lines(noon, 80, 24))
	if !strings.Contains(text, "GET /api/v1/carts/:id/discounts ") || !strings.Contains(text, "p99") || strings.Contains(text, "errors\n") {
		t.Errorf("the columns are chosen badly:\n%s", text)
	}
}

func TestLines_FollowTheChosenRow(t *testing.T) {
	s := sample()
	for i := range 200 {
		s.Routes = append(s.Routes, console.Route{Name: fmt.Sprint("GET /parts/", i)})
	}
	m := showing(s)
	for range 1000 {
		m.press("Down")
	}
	if text := textOf(m.lines(noon, 80, 24)); !strings.Contains(text, "\n> GET /parts/199 ") {
		t.Errorf("the last row is not there:\n%s", text)
	}
	for range 100 {
		m.press("PgUp")
	}
	if text := textOf(m.lines(noon, 80, 24)); !strings.Contains(text, "\n> GET /carts/:id ") || !strings.Contains(text, "Route, by rate") {
		t.Errorf("the first row is not there:\n%s", text)
	}
}
