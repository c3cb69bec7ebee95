// Package top shows a running service in a terminal, as the page /ops does in a browser. It
// promises that
//
//   - it changes nothing: the actions are on the page;
//   - the terminal gets printable characters only, whatever the service's texts hold;
//   - while the service does not answer, the last picture stays, with the time since when;
//   - the terminal is as it was when it ends, by a key or by a signal;
//   - where there is no terminal, or a dumb one, it prints one report and ends.
//
// For example, with the address that serves /ops.json:
//
//	err := top.Run(ctx, top.Options{Address: "127.0.0.1:3001", Out: os.Stdout})
//	if err != nil {
//		return err // the service cannot be reached, and what to do about it
//	}
package top

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gdamore/tcell/v3"
	"golang.org/x/term"
)

// Options say what is shown, and where.
type Options struct {
	Address string // host:port, as ADMIN_ADDR has it
	Once    bool   // print one report, on a terminal too
	Out     io.Writer
}

// Run shows the service until the user ends it or ctx ends.
func Run(ctx context.Context, o Options) error {
	c, err := newClient(o.Address)
	if err != nil {
		return err
	}
	if o.Once || !canDraw(o.Out) {
		return report(ctx, c, o.Out)
	}
	screen, err := tcell.NewScreen()
	if err != nil {
		return fmt.Errorf("open the terminal (--once needs none): %w", err)
	}
	return watch(ctx, screen, c)
}

func canDraw(out io.Writer) bool {
	file, ok := out.(*os.File)
	terminal := os.Getenv("TERM")
	return ok && term.IsTerminal(int(file.Fd())) && terminal != "" && terminal != "dumb"
}

const reportWidth = 120

// report prints everything once.
func report(ctx context.Context, c *client, out io.Writer) error {
	state, err := c.state(ctx, "")
	if err != nil {
		return err
	}
	m := &model{state: state, seen: time.Now()}
	lines := append(m.status(m.seen, reportWidth), m.totals(reportWidth)...)
	for _, s := range sections {
		lines = append(lines, line{})
		text, _ := layOut(s.tables(m), reportWidth, all)
		lines = append(lines, text...)
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(out, printable(l.text)); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	}
	return nil
}
