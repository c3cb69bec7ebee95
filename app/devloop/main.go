//go:build unix

// Command devloop is `make dev`: it builds and runs the program, and after each change of
// a file it builds again and replaces the running code. The program's own supervisor holds
// the port meanwhile, so no request is lost. Code that does not build or start is told in
// the terminal and in the browser, and the code before it goes on serving.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"example.com/prefab/handlers/dev"
)

const (
	program   = "bin/prefab"
	newBuild  = "bin/prefab.new"
	stateFile = "bin/dev-state.json"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends this program at once
	// A terminal that has gone must not end this program before the service.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

// loop is the state between two changes.
type loop struct {
	environ   []string // of the service
	state     dev.State
	settings  map[string]string // in .env, as the service has them
	service   *service          // nil: none runs
	installed bool              // the servers that it needs
	migrate   bool              // migrations may have to be applied
	saved     time.Time
}

func run(ctx context.Context) error {
	file, err := filepath.Abs(stateFile)
	if err != nil {
		return err
	}
	if err := os.MkdirAll("bin", 0o750); err != nil {
		return err
	}
	changes, err := watch(ctx, ".")
	if err != nil {
		return err
	}
	l := &loop{environ: append(environment(os.Environ()), dev.StateVariable+"="+file), settings: readSettings()}
	l.apply(ctx, nil)
	for {
		select {
		case changed := <-changes:
			l.apply(ctx, changed)
		case problem := <-l.service.problems():
			l.service.failed = true
			l.tell("The new code does not start"+l.goesOn(), problem)
		case err := <-l.service.end():
			l.service = nil
			l.tell("The service has ended. It starts again after the next change.", fmt.Sprint(err))
		case <-ctx.Done():
			l.service.stop()
			return nil
		}
	}
}

// environment adds what development wants: one worker, which is replaced soonest, and no
// caches, or old answers would hide new code. What the environment sets, wins.
func environment(environ []string) []string {
	wanted := []string{"WORKERS=1", "CACHE_TTL=0s", "HTTP_CACHE_TTL=0s"}
	return slices.Concat(wanted, environ, []string{"PREFORK=true"}) // of two, the last counts
}

// apply makes the changed files count. Without any it starts everything.
func (l *loop) apply(ctx context.Context, changed []string) {
	l.saved = time.Now()
	pages, code := len(changed) > 0, len(changed) == 0
	for _, path := range changed {
		inPages := isPage(path)
		pages = pages && inPages
		code = code || !inPages && path != settingsFile
		l.migrate = l.migrate || strings.HasPrefix(path, "repositories/migrations/")
	}
	if pages { // they are read from disk
		l.state.Files = time.Now().UnixMilli()
		l.write()
		say("templates or static files have changed: pages reload")
		return
	}
	built := false
	if code {
		said, err := l.build(ctx, &built)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.tell("The build fails"+l.goesOn(), said)
			return
		}
	}
	changedSettings := l.changedSettings()
	if l.service != nil && !built && len(changedSettings) == 0 && !l.migrate {
		if code && l.state.Problem != "" && !l.service.failed {
			l.state.Problem = "" // the code is again what is served
			l.write()
		}
		return
	}
	l.serve(ctx, changedSettings)
}

// build builds the program, and reports whether it is another one than before.
func (l *loop) build(ctx context.Context, changed *bool) (said string, err error) {
	// Without symbols for a debugger the linker is much faster.
	c := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags=-w", "-o", newBuild, ".")
	out, err := c.CombinedOutput()
	if err != nil {
		return string(out), err
	}
	before, _ := os.ReadFile(program)
	now, err := os.ReadFile(newBuild)
	if err != nil {
		return err.Error(), err
	}
	if *changed = !bytes.Equal(before, now); !*changed {
		return "", os.Remove(newBuild)
	}
	say("built in " + time.Since(l.saved).Round(10*time.Millisecond).String())
	return "", os.Rename(newBuild, program)
}

// serve starts the service, or makes it take the new program and settings.
func (l *loop) serve(ctx context.Context, changedSettings []string) {
	settings, err := l.run(ctx, "config")
	if err != nil {
		l.tell("The settings are not usable"+l.goesOn(), settings)
		return
	}
	l.settings = readSettings()
	if !l.installed {
		if err := installServers(ctx, settings); err != nil {
			l.tell("The servers cannot be installed.", err.Error())
			return
		}
		l.installed = true
	}
	if l.service != nil && l.migrate {
		if said, err := l.run(ctx, "migrate", "up"); err != nil {
			l.tell("The migrations fail"+l.goesOn(), said)
			return
		}
	}
	l.migrate = false
	l.state.Code, l.state.Problem = time.Now().UnixMilli(), ""
	l.write() // before a new worker reads it
	if l.service != nil && needsRestart(changedSettings) {
		say("these settings need a restart: the port is closed for a moment")
		l.service.stop()
		l.service = nil
	}
	if l.service != nil {
		l.service.roll(l.saved)
		return
	}
	if l.service, err = startService(l.environ); err != nil {
		l.tell("The service cannot be started.", err.Error())
	}
}

// run runs a command of the program.
func (l *loop) run(ctx context.Context, args ...string) (said string, err error) {
	c := exec.CommandContext(ctx, program, args...) //nolint:gosec // it was built here
	c.Env = l.environ
	out, err := c.CombinedOutput()
	return string(out), err
}

// installServers installs the servers whose addresses the settings leave empty, as `make run` does.
func installServers(ctx context.Context, settings string) error {
	var servers []string
	for line := range strings.Lines(settings) {
		switch strings.TrimSpace(line) {
		case "DATABASE_URL=":
			servers = append(servers, "postgres")
		case "REDIS_URL=":
			servers = append(servers, "redis?")
		}
	}
	c := exec.CommandContext(ctx, "app/devservices/install.sh", servers...) //nolint:gosec // fixed names
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	return c.Run()
}

// goesOn ends a sentence with what a problem means for visitors.
func (l *loop) goesOn() string {
	if l.service == nil {
		return "; nothing is served until it is mended."
	}
	return "; what was served before goes on."
}

// tell shows a problem in the terminal and in the browser.
func (l *loop) tell(what, details string) {
	text := what + "\n\n" + strings.TrimSpace(details)
	say(text)
	l.state.Problem = text
	l.write()
}

// write hands the state to the workers.
func (l *loop) write() {
	if err := dev.WriteState(stateFile, l.state); err != nil {
		say("the browser is not told: " + err.Error())
	}
}

func say(text string) { fmt.Println("dev: " + text) }
