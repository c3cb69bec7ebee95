package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/term"

	"example.com/prefab/app/console"
)

// topService answers as a service with one route.
func topService(t *testing.T) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(console.State{
			Workers: []console.Worker{{PID: 1, State: "ready", Health: "ok"}}, Routes: []console.Route{{Name: "GET /carts/:id"}},
		})
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// user is somebody at a terminal.
type user struct {
	t             *testing.T
	keys, console *os.File
	before        *term.State
	cmd           *exec.Cmd

	mu   sync.Mutex
	seen strings.Builder
}

func atTerminal(t *testing.T, settings ...string) *user {
	t.Helper()
	keys, console, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close(); console.Close() })
	if err := pty.Setsize(keys, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	u := &user{t: t, keys: keys, console: console, cmd: exec.Command(binary, "top")}
	if u.before, err = term.GetState(int(console.Fd())); err != nil {
		t.Fatal(err)
	}
	u.cmd.Dir, u.cmd.Env = checkout(t), append([]string{"TERM=xterm", "LANG=C.UTF-8"}, settings...)
	u.cmd.Stdin, u.cmd.Stdout, u.cmd.Stderr = console, console, console
	u.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.cmd.Process.Kill() })
	go func() { _, _ = io.Copy(u, keys) }()
	return u
}

// Write is the terminal's screen.
func (u *user) Write(text []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen.Write(text)
}

func (u *user) said() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen.String()
}

func (u *user) sees(text string) {
	u.t.Helper()
	eventually(u.t, "the terminal gets "+text, func() bool { return strings.Contains(u.said(), text) })
}

// endsAsBefore wants the end of the program, and the terminal as it was.
func (u *user) endsAsBefore() {
	u.t.Helper()
	if err := u.cmd.Wait(); err != nil {
		u.t.Errorf("it ends with %v:\n%q", err, u.said())
	}
	for _, restored := range []string{"\x1b[?1049l", "\x1b[?25h"} { // the screen before it, and the cursor
		u.sees(restored)
	}
	if after, err := term.GetState(int(u.console.Fd())); err != nil || *after != *u.before {
		u.t.Errorf("the terminal's state has changed: %v", err)
	}
}

func TestTop_InATerminal(t *testing.T) {
	for name, end := range map[string]func(*user){
		"q":       func(u *user) { _, _ = u.keys.WriteString("q") },
		"Ctrl-C":  func(u *user) { _, _ = u.keys.WriteString("\x03") },
		"SIGTERM": func(u *user) { _ = u.cmd.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			u := atTerminal(t, "ADMIN_ADDR="+topService(t))
			u.sees("All well.")
			u.sees("GET /carts/:id")
			if _, err := u.keys.WriteString("?"); err != nil {
				t.Fatal(err)
			}
			u.sees("choose a row")
			end(u)
			u.endsAsBefore()
		})
	}
}

func TestTop_WithoutATerminalPrintsOneReport(t *testing.T) {
	address := topService(t)
	for _, args := range [][]string{{"top", "--addr", address}, {"top", "--once", "--addr", address}} {
		if code, said := command(t, nil, args...); code != 0 || !strings.HasPrefix(said, "All well.\n") || strings.Contains(said, "\x1b") {
			t.Errorf("%v ends with %d:\n%s", args, code, said)
		}
	}
	if code, said := command(t, []string{"ADMIN_ADDR=127.0.0.1:1"}, "top"); code != 1 || !strings.Contains(said, "is the service running? is ADMIN_ADDR set") {
		t.Errorf("without a service it ends with %d:\n%s", code, said)
	}
	dumb := atTerminal(t, "ADMIN_ADDR="+address, "TERM=dumb")
	if err := dumb.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if dumb.sees("SQL, by load"); strings.Contains(dumb.said(), "\x1b") {
		t.Errorf("a dumb terminal gets %q", dumb.said())
	}
}
