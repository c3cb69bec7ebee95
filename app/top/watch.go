package top

import (
	"context"
	"fmt"
	"time"

	"github.com/gdamore/tcell/v3"

	"example.com/prefab/app/console"
)

const interval = 2 * time.Second

// What a terminal without UTF-8 gets instead of the characters that are used here.
const (
	unusual = bars + "…–µ"
	usual   = "__..::##~-u"
)

type answer struct {
	state console.State
	route string // which was asked for
	err   error
}

// watch draws until a key or ctx ends it.
func watch(ctx context.Context, screen tcell.Screen, c *client) error {
	if err := screen.Init(); err != nil {
		return fmt.Errorf("prepare the terminal (--once needs none): %w", err)
	}
	defer screen.Fini() // after a panic too
	for i, char := range []rune(unusual) {
		screen.RegisterRuneFallback(char, usual[i:i+1])
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	m, answers, asking := &model{address: c.address}, make(chan answer, 1), false
	ask := func() {
		if asking {
			return
		}
		asking = true
		go func(route string) {
			s, err := c.state(ctx, route)
			answers <- answer{s, route, err}
		}(m.route)
	}
	ask()
	for {
		draw(screen, m)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if !m.paused {
				ask()
			}
		case a := <-answers:
			asking = false
			m.take(a.state, a.err, time.Now())
			if a.route != m.route {
				ask()
			}
		case event := <-screen.EventQ():
			switch event := event.(type) {
			case *tcell.EventKey:
				route := m.route
				if m.press(keyName(event)) {
					return nil
				}
				if m.route != route {
					ask()
				}
			case *tcell.EventResize:
				screen.Sync()
			case *tcell.EventError:
				return fmt.Errorf("read the terminal: %w", event)
			}
		}
	}
}

var keyNames = map[tcell.Key]string{
	tcell.KeyUp: "Up", tcell.KeyDown: "Down", tcell.KeyLeft: "Left", tcell.KeyRight: "Right", tcell.KeyPgUp: "PgUp",
	tcell.KeyPgDn: "PgDn", tcell.KeyTab: "Tab", tcell.KeyEnter: "Enter", tcell.KeyEsc: "Esc", tcell.KeyCtrlC: "Ctrl-C",
}

func keyName(event *tcell.EventKey) string {
	if event.Key() == tcell.KeyRune {
		return event.Str()
	}
	return keyNames[event.Key()]
}

func draw(screen tcell.Screen, m *model) {
	width, height := screen.Size()
	screen.Clear()
	for y, l := range m.lines(time.Now(), width, height) {
		screen.PutStrStyled(0, y, l.text, styleOf(l.style))
	}
	screen.Show()
}

func styleOf(s style) tcell.Style {
	base := tcell.StyleDefault
	switch s {
	case bold:
		return base.Bold(true)
	case faint:
		return base.Dim(true)
	case good:
		return base.Bold(true).Foreground(tcell.PaletteColor(2))
	case bad:
		return base.Bold(true).Foreground(tcell.PaletteColor(1))
	case chosen:
		return base.Reverse(true)
	}
	return base
}
