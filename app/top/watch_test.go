package top

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gdamore/tcell/v3"
	"github.com/gdamore/tcell/v3/vt"

	"example.com/prefab/app/console"
	"example.com/prefab/app/devservices/devtest"
)

// terminal is a terminal with a user.
type terminal struct {
	vt.MockTerm
	t *testing.T
}

func (x terminal) text() string {
	size, err := x.WindowSize()
	if err != nil {
		x.t.Fatal(err)
	}
	var text strings.Builder
	for row := range size.Height {
		for column := range size.Width {
			text.WriteString(x.GetCell(vt.Coord{X: vt.Col(column), Y: vt.Row(row)}).C)
		}
		text.WriteByte('\n')
	}
	return text.String()
}

func (x terminal) shows(want string) {
	x.t.Helper()
	devtest.Eventually(x.t, "the terminal shows "+want, func() bool { return strings.Contains(x.text(), want) })
}

// watching runs the program in a terminal.
func watching(ctx context.Context, t *testing.T, address string) (x terminal, ended chan error) {
	t.Helper()
	c, err := newClient(address)
	if err != nil {
		t.Fatal(err)
	}
	x = terminal{vt.NewMockTerm(vt.MockOptSize{X: 80, Y: 24}), t}
	screen, err := tcell.NewTerminfoScreenFromTty(x)
	if err != nil {
		t.Fatal(err)
	}
	ended = make(chan error, 1)
	go func() { ended <- watch(ctx, screen, c) }()
	return x, ended
}

func TestWatch(t *testing.T) {
	server := serve(t, func(route string) console.State {
		s := sample()
		s.History.Route = route
		return s
	})
	x, ended := watching(t.Context(), t, addressOf(server))
	x.shows("All well.")
	x.shows("all routes")
	for _, step := range []struct {
		key  vt.Key
		want string
	}{
		{vt.KeyDown, "> POST /carts/:id/items"}, {vt.KeyEnter, "up to 1.4 k, POST /carts/"}, {vt.KeyEsc, "up to 1.4 k, all routes"},
		{vt.Key6, "[6 SQL]"}, {vt.KeyP, "PAUSED"}, {vt.KeyP, "p pause"},
	} {
		x.KeyTap(step.key)
		x.shows(step.want)
	}
	x.SetSize(vt.Coord{X: 30, Y: 8})
	x.shows("\n[6 SQL]")
	server.Close()
	x.shows("No answer since")
	x.shows("> carts.get")
	x.KeyTap(vt.KeyQ)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestWatch_EndsWithItsContextWhileTheServiceHangs(t *testing.T) {
	release := make(chan struct{})
	var asked atomic.Bool
	server := serve(t, func(string) console.State { asked.Store(true); <-release; return sample() })
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	x, ended := watching(ctx, t, addressOf(server))
	x.shows("Asking 127.0.0.1:")
	devtest.Eventually(t, "it has asked", asked.Load)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
